/** Objects whose keys are names of the site's own: tables, files, columns. */
import * as z from "zod";

/** Returns the schema of such an object. Unlike `z.record` it keeps the key `__proto__`: a table may be called so. */
export const named = <T extends z.ZodType>(value: T) =>
  z.unknown().transform((input, context): Record<string, z.output<T>> => {
    if (typeof input !== "object" || input === null || Array.isArray(input)) {
      context.addIssue({ code: "custom", message: "expected an object" });
      return z.NEVER;
    }
    const entries = Object.entries(input).map(([name, one]): [string, z.output<T>] => {
      const result = value.safeParse(one);
      if (result.success) return [name, result.data];
      for (const { message, path } of result.error.issues)
        context.addIssue({ code: "custom", message, path: [name, ...path] });
      return [name, z.NEVER];
    });
    return Object.fromEntries(entries);
  });

/** Kinds of values that several sections of the config share. */
import * as z from "zod";

/** A whole number; a string of digits is one too, so that `${VAR:-2048}` is accepted. */
export const whole = (minimum: number) =>
  z
    .union([z.number().int(), z.string().regex(/^\d+$/)])
    .transform(Number)
    .pipe(z.number().int().min(minimum));
export const flag = z
  .union([z.boolean(), z.enum(["true", "false"])])
  .transform((value) => value === true || value === "true");
export const octal = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(/^0?[0-7]{3,4}$/, "must be an octal mode such as 0640"))
  .transform((mode) => Number.parseInt(mode, 8));
export const command = z.array(z.string().min(1)).min(1).describe("A program and its arguments; never a shell line.");
export const paths = z.array(z.string().min(1)).default([]);
export const patterns = z.array(z.string().min(1)).default([]);

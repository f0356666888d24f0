/** Credentials of S3: of a file as aws-cli writes it, else of the environment. Nothing else is asked for. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Reads the credentials. Throws `E_CONFIG` if there are none. */
export function readCredentials(
  { credentials_file: file, profile }: { readonly credentials_file?: string | undefined; readonly profile: string },
  root: string,
  environment: NodeJS.ProcessEnv,
): S3Credentials {
  if (file === undefined) {
    const found = credentialsOf((key) => environment[key.toUpperCase()]);
    if (found !== undefined) return found;
    throw new HoldfastError("E_CONFIG", "there are no credentials for S3", {
      hint: "set credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
    });
  }
  const place = path.resolve(root, file);
  const section = sectionOf(readText(place), profile);
  const found = credentialsOf((key) => section.get(key));
  if (found !== undefined) return found;
  throw new HoldfastError("E_CONFIG", `${place} has no aws_access_key_id and aws_secret_access_key in [${profile}]`, {
    hint: "write the file as aws configure does",
  });
}

function credentialsOf(valueOf: (key: string) => string | undefined): S3Credentials | undefined {
  const accessKeyId = valueOf("aws_access_key_id");
  const secretAccessKey = valueOf("aws_secret_access_key");
  const sessionToken = valueOf("aws_session_token");
  if (accessKeyId === undefined || accessKeyId === "" || secretAccessKey === undefined || secretAccessKey === "")
    return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** Returns the keys of a section of an INI file. */
function sectionOf(text: string, name: string): Map<string, string> {
  const keys = new Map<string, string>();
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    const [, head] = /^\s*\[\s*(.*?)\s*\]\s*$/.exec(line) ?? [];
    const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (head !== undefined) section = head;
    else if (section === name && key !== undefined && value !== undefined) keys.set(key, value);
  }
  return keys;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new HoldfastError("E_CONFIG", `the credentials file ${file} cannot be read`, {
      hint: "check credentials_file and the rights of the backup user",
      cause: error,
    });
  }
}

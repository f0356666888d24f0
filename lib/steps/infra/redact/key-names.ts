/** Classifies values by their names: `PASSWORD` holds a secret, `PASSWORD_HASHERS` and `TOKEN_TTL` do not. */

/**
 * `secret`: the value goes, unless it is a path, a reference or a flag. `maybe`: it goes where it looks like a secret
 * itself, as with `AUTH` (`basic`, or `user:word`) and `CACHE_KEY`. `described`: the name speaks of a secret but of its
 * length, file, class …; the value goes only where it looks random. `plain`: the name says nothing.
 */
export type KeyClass = "secret" | "maybe" | "described" | "plain";

const set = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/));

const SECRET_WORDS =
  set(`password passwords passwd passwds passwort passphrase passphrases passcode pwd pwds pass pw secret secrets
  credential credentials cred creds apikey apikeys token tokens psk dsn webhook webhooks salt salts pepper authorization
  requirepass masterauth masterpass authpass authtoken accesskey secretkey privatekey signingkey encryptionkey mnemonic bearer`);
const MAYBE_WORDS = set(
  "auth cookie cookies key keys jwt signing signature sig hmac pin otp seed hash nonce sas crypt",
);
/** Before `key`, these make it a secret one whatever it looks like. */
const KEY_QUALIFIERS =
  set(`api access secret private encryption encrypt signing sign master fernet auth account shared session hmac
  crypto crypt cipher storage deploy preshared app hash root admin aes jwt unseal recovery license licence webhook`);
const PUBLIC_WORDS = set("public publishable pub");
/** Last words of names that describe a secret instead of holding one. */
const ATTRIBUTES =
  set(`ttl timeout timeouts expiry expires expire expiration lifetime age days hours minutes seconds ms length len size min
  max count limit limits quota hashers hasher validators validator backends backend class classes model models form forms serializer
  serializers url urls uri path paths file files filename dir directory folder name names header headers prefix suffix enabled enable
  disabled required optional secure httponly samesite domain domains algorithm algorithms alg type types policy rotation interval cost
  rounds iterations field fields user users username usernames id ids method methods scope scopes issuer audience host hosts port ports
  endpoint endpoints provider providers view views template templates redirect regex pattern permissions permission maps map command cmd
  mechanism mechanisms basic request reset change strength generator manager store handler middleware bucket budget version
  format encoding hint help env variable variables environment accounting mode level charset rate throttle location realm page
  module delay retries attempts lockout encryption stdin protocols ciphers certificate cert`);
/** First words of names that hold a switch or a figure. */
const BOOLEAN_PREFIXES = set(
  "use enable enabled allow require requires show hide has is max min num no without ask prompt disable load import proxypass",
);
/** Directives that only sound like secrets. */
const NON_SECRET_NAMES =
  /^(?:(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass|(?:load|import|condition|assert)credential(?:encrypted)?|nopasswd|pass)$/i;
const COMPOUND_SECRET_NAMES =
  /passw(?:or)?d|passphrase|apikey|authtoken|accesstoken|apitoken|secretkey|privatekey|accesskey|clientsecret|credential|(?:db|sql|pg|smtp|mail|redis|root|admin|user|ftp|ldap|http|mq|sasl)pass$|secret$|token$/;
const GLUED_DESCRIPTION = /(?:file|path|hashers?|validators?|length|name|url|id|ttl|expiry|header)$/;

/**
 * The class of a key written in any of the usual ways: `DB_PASSWORD`, `dbPassword`, `x-api-key`,
 * `spring.mail.password`.
 */
export function classifyKey(key: string): KeyClass {
  if (NON_SECRET_NAMES.test(key)) return key.toLowerCase() === "pass" ? "secret" : "plain";
  const words = splitKey(key);
  const last = words.at(-1);
  if (last === undefined || words.some((word) => PUBLIC_WORDS.has(word))) return "plain";
  const secret = isSecretName(words);
  if (!secret && !words.some((word) => MAYBE_WORDS.has(word))) return "plain";
  if (BOOLEAN_PREFIXES.has(words[0] ?? "")) return "described";
  if (ATTRIBUTES.has(last)) return /webhook|dsn/.test(words.join(" ")) && last === "url" ? "secret" : "described";
  if (secret) return "secret";
  return MAYBE_WORDS.has(last) ? "maybe" : "described";
}

function isSecretName(words: readonly string[]): boolean {
  return words.some((word, index) => {
    if (SECRET_WORDS.has(word)) return true;
    if ((word === "key" || word === "keys") && KEY_QUALIFIERS.has(words[index - 1] ?? "")) return true;
    return word.length > 5 && COMPOUND_SECRET_NAMES.test(word) && !GLUED_DESCRIPTION.test(word);
  });
}

function splitKey(key: string): string[] {
  return key
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+|(?<=[A-Za-z])\d+/)
    .filter((word) => word !== "" && !/^\d+$/.test(word))
    .map((word) => word.toLowerCase());
}

/** Rules of the config for single keys, which precede the general rules. */
export interface KeyRules {
  /** Keys whose values stay, unless the value itself is a known form of secret. */
  readonly keepValues: readonly string[];
  /** Further keys whose values always go. */
  readonly redactKeys?: readonly string[];
}

/** Classifies keys under the config's rules; `redactKeys` is stronger than `keepValues`. */
export function keyClassifier(rules: KeyRules): (key: string) => KeyClass | "named" | "kept" {
  const named = new Set((rules.redactKeys ?? []).map((key) => key.toLowerCase()));
  const kept = new Set(rules.keepValues.map((key) => key.toLowerCase()));
  const cache = new Map<string, KeyClass | "named" | "kept">();
  return (key) => {
    let found = cache.get(key);
    if (found === undefined) {
      const lower = key.toLowerCase();
      const short = lower.slice(lower.lastIndexOf(".") + 1);
      const is = (keys: ReadonlySet<string>): boolean => keys.has(lower) || keys.has(short);
      found = is(named) ? "named" : is(kept) ? "kept" : classifyKey(key);
      cache.set(key, found);
    }
    return found;
  };
}

/** Names of entries that hold no secret themselves, even under a secret key. */
const NON_SECRET_ENTRIES =
  /^(?:[A-Z][A-Z0-9_]*|cast|encoding|user(?:name)?|login|name|host(?:name)?|port|url|path|file|type|id|driver|engine|scheme|version|description|key|field|doc|help|environment|source|target|external|labels|command|image|mode|uid|gid|namespace|provider)$/;

/**
 * Checks whether an entry below a secret key is secret: `API_TOKENS = {"anna": …}` is, `AUTH = {"BACKEND": …}` is not.
 */
export function inheritsSecrecy(
  entry: string,
  outer: KeyClass | "named",
  classify: (key: string) => KeyClass | "named" | "kept",
): boolean {
  const own = classify(entry);
  if (outer === "named" || own === "secret" || own === "named") return true;
  return own !== "described" && own !== "kept" && !NON_SECRET_ENTRIES.test(entry);
}

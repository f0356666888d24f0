/**
 * Secrets in the forms in which real hosts hold them, each with a marker of its own to look for: after a run, `grep -r` of what must be
 * clean finds none of the markers. Their fixed parts are put together here, so that no scanner takes this file for a leak.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface PlantedSecret {
  readonly name: string;
  /** The file, below the directory that `plantSecrets` is given, in which it stands. */
  readonly file: string;
  /** The text around it. */
  readonly line: string;
  /** A part of the secret that is nowhere else. */
  readonly marker: string;
}

let planted = 0;

/** A marker that is letters and digits only, and looks random, so that it may stand in any kind of token. */
function mark(): string {
  planted += 1;
  return `Zq${String(planted).padStart(2, "0")}Xv7Kw${(planted * 7919).toString(36)}Jh`;
}

function secret(name: string, file: string, line: (marker: string) => string): PlantedSecret {
  const marker = mark();
  return { name, file, line: line(marker), marker };
}

/** `marker` lengthened to exactly `length` letters and digits. */
const fill = (marker: string, length: number): string =>
  (marker + "a8Fk2Lm9Qr4Ts6Uv1Wx3Yz5Bc7De0Gh".repeat(4)).slice(0, length);

const ENV = "app/.env";
const SETTINGS = "app/settings.py";
const NGINX = "deploy/nginx.conf";
const UNIT = "deploy/web.service";
const CRONTAB = "deploy/crontab";

export const SECRETS: readonly PlantedSecret[] = [
  secret("plain value", ENV, (m) => `DB_PASSWORD=${m}`),
  secret("double quotes", ENV, (m) => `SECRET_KEY="${m} with = and # inside"`),
  secret("single quotes, exported", ENV, (m) => `export EMAIL_HOST_PASSWORD='${m}'`),
  secret("several lines", ENV, (m) => `SIGNING_SECRET="first line\n${m}\nlast line"`),
  secret("URL with a password", ENV, (m) => `DATABASE_URL=postgresql://clara:${m}@db.example:5432/clara`),
  secret("commented out", ENV, (m) => `# OLD_API_TOKEN=${m}`),
  secret("DSN", ENV, (m) => `SENTRY_DSN=https://${m}@sentry.example/4`),

  secret("Django key", SETTINGS, (m) => `SECRET_KEY = 'django-${"insecure"}-${fill(m, 40)}'`),
  secret("default of a lookup", SETTINGS, (m) => `EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "${m}")`),
  secret("dictionary", SETTINGS, (m) => `DATABASES = {"default": {"NAME": "clara", "PASSWORD": "${m}", "PORT": 5432}}`),
  secret("triple quotes", SETTINGS, (m) => `PRIVATE_TOKEN = """\n${m}\n"""`),
  secret("AWS pair", SETTINGS, (m) => `AWS_SECRET_ACCESS_KEY = "${fill(m, 40)}"`),
  secret("GitHub token under a harmless name", SETTINGS, (m) => `MIRROR = "${"ghp"}_${fill(m, 36)}"`),
  secret("OpenAI key in a list", SETTINGS, (m) => `KEYS = ["${"sk"}-proj-${fill(m, 48)}"]`),
  secret(
    "Slack hook",
    SETTINGS,
    (m) => `NOTIFY = "https://hooks.slack.${"com"}/services/T01234567/B01234567/${fill(m, 24)}"`,
  ),
  secret("Google key", SETTINGS, (m) => `MAPS = "${"AI"}za${fill(m, 35)}"`),
  secret("Stripe key", SETTINGS, (m) => `PAY = "${"sk"}_live_${fill(m, 24)}"`),
  secret("JSON web token", SETTINGS, (m) => `JOB = "${"ey"}JhbGciOiJIUzI1NiJ9.${"ey"}JzdWIiOiIxIn0.${fill(m, 43)}"`),
  secret("query of a URL", SETTINGS, (m) => `FEED = "https://feed.example/list?format=json&access_token=${m}"`),

  secret("header", NGINX, (m) => `proxy_set_header Authorization "Bearer ${m}";`),
  secret(
    "basic credentials",
    NGINX,
    (m) => `proxy_set_header Authorization "Basic ${Buffer.from(`u:${m}`).toString("base64")}";`,
  ),
  secret("upstream with a password", NGINX, (m) => `proxy_pass https://user:${m}@upstream.example/;`),
  secret(
    "PEM block",
    NGINX,
    (m) => `# -----BEGIN ${"PRIVATE"} KEY-----\n# ${fill(m, 64)}\n# -----END ${"PRIVATE"} KEY-----`,
  ),

  secret("unit environment", UNIT, (m) => `Environment="API_TOKEN=${m}" "WORKERS=3"`),
  secret("argument with =", UNIT, (m) => `ExecStart=/usr/bin/server --password=${m} --port 8000`),
  secret("argument after a space", UNIT, (m) => `ExecStartPre=/usr/bin/migrate --token ${m} --yes`),
  secret("GitLab token", UNIT, (m) => `Environment=REGISTRY=${"gl"}pat-${fill(m, 20)}`),

  secret("variable before a command", CRONTAB, (m) => `0 3 * * * PGPASSWORD=${m} vacuumdb clara`),
  secret("mysql -p", CRONTAB, (m) => `0 4 * * * mysqldump -uclara -p${m} clara > /dev/null`),
  secret("curl -u", CRONTAB, (m) => `0 5 * * * curl -u anna:${m} https://ping.example/`),
];

/** Lines that are no secrets and must survive as they are, beside the planted ones. */
export const INNOCENT: readonly Pick<PlantedSecret, "file" | "line">[] = [
  { file: ENV, line: "DEBUG=False" },
  { file: SETTINGS, line: 'SECRET_KEY_FALLBACKS = os.environ.get("FALLBACKS", "").split()' },
  { file: SETTINGS, line: 'PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]' },
  { file: SETTINGS, line: "CSRF_COOKIE_SECURE = True" },
  { file: SETTINGS, line: 'RELEASE = "8f2c1d0e9b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e"' },
  { file: NGINX, line: "ssl_certificate_key /etc/ssl/clara/privkey.pem;" },
  { file: NGINX, line: "client_max_body_size 200m;" },
  { file: UNIT, line: "EnvironmentFile=/srv/clara/app/.env" },
  { file: UNIT, line: "Restart=on-failure" },
  { file: CRONTAB, line: "MAILTO=anna@clara.example" },
];

/** Writes the files that hold the secrets (and the innocent lines) below `directory`; gives their paths relative to it. */
export function plantSecrets(directory: string): string[] {
  const lines = [...INNOCENT, ...SECRETS];
  const files = [...new Set(lines.map(({ file }) => file))];
  for (const file of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(
      join(directory, file),
      lines.flatMap((line) => (line.file === file ? [line.line, ""] : [])).join("\n"),
    );
  }
  return files;
}

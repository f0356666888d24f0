/**
 * The web application's checkout: its settings, and its secrets where real sites have them. All secrets are made up
 * here.
 */
import { createHash, createPrivateKey } from "node:crypto";
import { runCommand } from "../exec/command.ts";
import { letters, seeded } from "./random.ts";
import type { Tree } from "./tree.ts";

const APP = "app";
const HEX = "0123456789abcdef";

/**
 * The passwords, keys and tokens of the demo site by where they stand. None may be found in a backup's `infra/`, logs
 * or metadata.
 */
export function demoSecrets() {
  const secret = (name: string, length: number, alphabet?: string): string =>
    letters(seeded(`demo secret ${name}`), length, alphabet);
  return {
    djangoKey: secret("django", 50),
    databasePassword: secret("database", 20),
    mailPassword: secret("mail", 16),
    openAiKey: `sk-proj-${secret("openai", 48)}`,
    googleKey: `AIza${secret("google", 35)}`,
    awsKey: secret("aws", 40),
    gitToken: `ghp_${secret("git", 36)}`,
    proxyToken: secret("proxy", 32, HEX),
    cronPassword: secret("cron", 18),
    sentryKey: secret("sentry", 32, HEX),
    tlsKey: privateKey(),
  };
}

/** Writes the checkout's files; `commitApplication` makes them a repository. */
export function writeApplication(tree: Tree): void {
  const secrets = demoSecrets();
  const write = (path: string, text: string, mode?: number): void => tree.write(`${APP}/${path}`, text, mode);
  write("README.md", "# C-LARA\n\nAnnotated texts that speak.\n");
  write("requirements.txt", "Django==4.2.16\ndjango-q2==1.7.4\npsycopg2-binary==2.9.9\n");
  write(
    "manage.py",
    "#!/usr/bin/env python3\nimport sys\nfrom django.core.management import execute_from_command_line\n\nexecute_from_command_line(sys.argv)\n",
    0o755,
  );
  write(".gitignore", ".env\n*.pyc\nprivkey.pem\n");
  write(".env", environment(secrets), 0o600);
  write("clara_project/__init__.py", "");
  write("clara_project/settings.py", settings(secrets));
  write("deploy/nginx/clara.conf", nginx(secrets));
  write("deploy/systemd/clara-web.service", webUnit(secrets));
  write("deploy/systemd/clara-worker.service", WORKER_UNIT);
  write(
    "deploy/crontab",
    `MAILTO=anna@clara.example\n15 3 * * 0 PGPASSWORD=${secrets.cronPassword} vacuumdb -U clara clara\n`,
  );
  write("deploy/tls/fullchain.pem", CERTIFICATE);
  write("deploy/tls/privkey.pem", secrets.tlsKey, 0o600);
}

/**
 * Makes one commit with a fixed author and date: the same hash everywhere. `origin` has credentials in its URL, as
 * happens.
 */
export async function commitApplication(tree: Tree, signal: AbortSignal): Promise<void> {
  const who = { NAME: "Clara", EMAIL: "clara@clara.example", DATE: "2026-01-15T12:00:00Z" };
  const env: Record<string, string> = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  for (const [key, value] of Object.entries(who)) env[`GIT_AUTHOR_${key}`] = env[`GIT_COMMITTER_${key}`] = value;
  const git = async (...args: string[]): Promise<void> =>
    void (await runCommand(["git", "-C", tree.path(APP), ...args], { signal, env }));
  await git("init", "--quiet", "--initial-branch=main", "--template=");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=Version 2.4.1");
  await git("tag", "--annotate", "--message=Version 2.4.1", "v2.4.1");
  await git("update-ref", "refs/remotes/origin/main", "HEAD");
  // A file, not `git remote add`: an argument would show the token in the list of processes.
  tree.write(`${APP}/.git/config`, gitConfig(demoSecrets().gitToken));
}

type Secrets = ReturnType<typeof demoSecrets>;

const gitConfig = (token: string): string => `[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
	logallrefupdates = true
[remote "origin"]
	url = https://clara-deploy:${token}@git.clara.example/clara/clara.git
	fetch = +refs/heads/*:refs/remotes/origin/*
`;

const environment = (secrets: Secrets): string => `# The web application and its workers read this file.
DEBUG=False
ALLOWED_HOSTS=clara.example,www.clara.example
SECRET_KEY="${secrets.djangoKey}"
DATABASE_URL=postgresql://clara:${secrets.databasePassword}@db.clara.example:5432/clara
OPENAI_API_KEY=${secrets.openAiKey}
GOOGLE_API_KEY=${secrets.googleKey}
AWS_SECRET_ACCESS_KEY=${secrets.awsKey}
SENTRY_DSN=https://${secrets.sentryKey}@sentry.clara.example/4
TZ=Europe/Zurich
`;

const settings = (secrets: Secrets): string => `import os

DEBUG = os.environ.get("DEBUG") == "True"
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")

EMAIL_HOST = "smtp.clara.example"
EMAIL_PORT = 587
EMAIL_HOST_USER = "clara"
EMAIL_HOST_PASSWORD = "${secrets.mailPassword}"

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
Q_CLUSTER = {"name": "clara", "workers": 4, "timeout": 3600}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
CSRF_COOKIE_SECURE = True
MEDIA_ROOT = "/srv/clara/media"
TIME_ZONE = "UTC"
`;

const nginx = (secrets: Secrets): string => `server {
    listen 443 ssl;
    server_name clara.example www.clara.example;
    ssl_certificate /etc/ssl/clara/fullchain.pem;
    ssl_certificate_key /etc/ssl/clara/privkey.pem;
    client_max_body_size 200m;

    location /static/ { alias /srv/clara/static/; }
    location /tts/ {
        proxy_set_header Authorization "Bearer ${secrets.proxyToken}";
        proxy_pass https://tts.clara.example/;
    }
    location / { proxy_pass http://127.0.0.1:8000; }
}
`;

const webUnit = (secrets: Secrets): string => `[Unit]
Description=C-LARA web application
After=network.target

[Service]
User=clara
WorkingDirectory=/srv/clara/app
EnvironmentFile=/srv/clara/app/.env
Environment="EMAIL_HOST_PASSWORD=${secrets.mailPassword}" "WEB_CONCURRENCY=3"
ExecStart=/srv/clara/venv/bin/gunicorn clara_project.wsgi --bind 127.0.0.1:8000
Restart=on-failure

[Install]
WantedBy=multi-user.target
`;

const WORKER_UNIT = `[Unit]
Description=C-LARA background tasks
After=network.target

[Service]
User=clara
WorkingDirectory=/srv/clara/app
EnvironmentFile=/srv/clara/app/.env
ExecStart=/srv/clara/venv/bin/python manage.py qcluster
Restart=always

[Install]
WantedBy=multi-user.target
`;

/** The Ed25519 key of the certificate below, in the one form that PKCS #8 (RFC 8410) has for 32 bytes. */
function privateKey(): string {
  const seed = createHash("sha256").update("clara demo certificate").digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

/** CN=clara.example, signed by itself, 2025 to 2045. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBMTCB5KADAgECAgEBMAUGAytlcDAYMRYwFAYDVQQDDA1jbGFyYS5leGFtcGxl
MB4XDTI1MDEwMTAwMDAwMFoXDTQ1MDEwMTAwMDAwMFowGDEWMBQGA1UEAwwNY2xh
cmEuZXhhbXBsZTAqMAUGAytlcAMhAP9V/JSgbwE0oK7OkXiNDqQ2imJAMRvq+24B
YRGp5jZXo1MwUTAdBgNVHQ4EFgQU8py7icMv7VO97KZRUr6Lcrz3VNMwHwYDVR0j
BBgwFoAU8py7icMv7VO97KZRUr6Lcrz3VNMwDwYDVR0TAQH/BAUwAwEB/zAFBgMr
ZXADQQAPeAZKmd4TskHovc7YSRdbsNkx4rOIyQv3JJtGzdT/xbp1eVPF8FF4EXgI
9laklbbdEPkMwI+wgvLCnxHR+lAG
-----END CERTIFICATE-----
`;

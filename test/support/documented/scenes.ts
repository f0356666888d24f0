/** What the pages say, or take for granted, about the hosts on which their commands run. */

export interface Scene {
  readonly page: string;
  /** The first words of the script, as printed. */
  readonly script: string;
  /** What the page says of it. */
  readonly says: string;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** The time of the script. */
  readonly clock?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Host {
  /** Whether the site is not there: neither its tree nor its database server. */
  readonly withoutSite?: boolean;
  /** Files of /etc/holdfast, by name without `.yaml`: a line of each YAML block of the page that goes to the end of the README's config. */
  readonly configs?: Readonly<Record<string, readonly string[]>>;
  /** What has happened before the page begins. */
  readonly commands?: readonly string[];
}

const ANOMALIES = "docs/anomalies.md";
const DIFF = "docs/diff.md";
const ENCRYPTION = "docs/encryption.md";
const OPERATIONS = "docs/operations.md";
const MONITORING = "docs/monitoring.md";
const PORTABLE = "docs/portable.md";
const README = "README.md";
const RESTORE = "docs/restore.md";
const SIGNING = "docs/signing.md";

const backupAt = (clock: string): string =>
  `WORLD_CLOCK=${clock} node dist/scripts/backup_all.js --config /etc/holdfast/clara.yaml --quiet`;
const IN_OCTOBER = backupAt("2026-10-20T02:00:00Z");
const IN_NOVEMBER = backupAt("2026-11-20T02:00:00Z");

/** A table that lost half of its rows, after some days on which it was as it is. */
const HALVED_TABLE = [
  "psql -q -d clara -c 'create table visit as select n from generate_series(1, 1204) n; grant select on visit to clara'",
  IN_NOVEMBER,
  "cd /srv/clara_backups/history && for day in 13 14 15 16 17 18 19; do" +
    " sed s/20261120T/202611${day}T/ 20261120T020000Z.json >202611${day}T020000Z.json; done && cd -",
  "psql -q -d clara -c 'delete from visit where n > 602'",
  backupAt("2026-11-21T02:00:00Z"),
];

/** The directory is as old as its run: its real time is ahead of the clock of the pages. */
const OLD_STORE = "touch -d 2026-11-20 /srv/clara_backups/runs";

const WIKI = [
  "mkdir -p /var/www/wiki/{images,data}",
  `printf '%s\\n' '<?php' '$wgDBtype = "sqlite";' '$wgDBname = "my_wiki";' '$wgSQLiteDataDir = "$IP/data";' >/var/www/wiki/LocalSettings.php`,
  "sqlite3 /var/www/wiki/data/my_wiki.sqlite 'create table page (title text)'",
];
const BLOG = [
  "mkdir -p /var/www/blog && printf 'Hello\\n' >/var/www/blog/index.html",
  "sqlite3 /var/www/blog/statistics.db 'create table visit (day date)'",
];

/** A service that takes three messages, or ends after a minute; its address is in the files that the page names. */
const ALERT_SERVICE = [
  `setsid node -e 'let left = 3; const server = require("http").createServer((_, answer) => { answer.end(); if (--left === 0) process.exit(); });` +
    ` server.listen(0, "127.0.0.1", () => { for (const name of ["healthchecks", "slack"]) require("fs").writeFileSync("/etc/holdfast/" + name + "_url",` +
    ` "http://127.0.0.1:" + server.address().port + "/" + name); }); setTimeout(() => process.exit(), 60000)' >/dev/null 2>&1 3>&- &`,
  "until [ -s /etc/holdfast/slack_url ]; do sleep 0.05; done",
];

/** As the application's migrations leave a new database. */
const EMPTY_TABLES =
  `psql -qAt -d clara -c "select 'truncate ' || string_agg(quote_ident(relname), ',') from pg_stat_user_tables` +
  ` where relname not in ('django_migrations', 'django_content_type')" | psql -q -d clara`;

export const HOSTS: Readonly<Record<string, Host>> = {
  [README]: { commands: [IN_OCTOBER, ...WIKI] },
  [ANOMALIES]: { commands: HALVED_TABLE },
  [DIFF]: { commands: [IN_NOVEMBER, backupAt("2026-11-21T02:00:00Z")] },
  "docs/configuring.md": { withoutSite: true, commands: [...WIKI, ...BLOG] },
  "docs/source-code.md": { withoutSite: true },
  [MONITORING]: { configs: { clara: ["alerts:"] }, commands: ["groupadd --force holdfast", IN_NOVEMBER] },
  [OPERATIONS]: { configs: { clara: ["references:", "drill:"] }, commands: ["mkdir /mnt/large"] },
  [PORTABLE]: { configs: { clara: ["  reinit:"], site: [] }, commands: ["pg_dump -Fc -d clara -f /root/clara.dump"] },
  "docs/doctor.md": { commands: [IN_NOVEMBER, OLD_STORE] },
  "docs/retention.md": { configs: { clara: ["retention:"] }, commands: [IN_OCTOBER, IN_NOVEMBER] },
  [RESTORE]: { configs: { clara: [], site: [] }, commands: [IN_NOVEMBER] },
  [SIGNING]: { configs: { clara: ["signing:"] }, commands: ["useradd --system holdfast"] },
};

const withoutSiteConfig = {
  before: ["mv config/site.yaml /root/"],
  after: ["mv /root/site.yaml config/site.yaml"],
};

export const SCENES: readonly Scene[] = [
  {
    page: README,
    script: "npx tsx scripts/doctor.ts",
    says: "a drill has proved the run",
    before: [OLD_STORE],
  },
  {
    page: README,
    script: "npx tsx scripts/backup_all.ts",
    says: "the run that is named below",
    clock: "2026-11-20T02:00:00Z",
  },
  {
    page: README,
    script: "CLARA=/srv/clara npx tsx scripts/backup_all.ts",
    says: "config/clara.yaml is taken where there is no config/site.yaml",
    ...withoutSiteConfig,
  },
  {
    page: README,
    script: "npx tsx scripts/init.ts /var/www/wiki",
    says: "another application, on a host that has no config yet",
    ...withoutSiteConfig,
  },
  {
    page: README,
    script: "npx tsx scripts/alerts.ts test",
    says: "the config has routes",
    before: [
      "cp config/site.yaml /root/ && echo 'alerts: { routes: [{ name: log, command: [cat] }] }' >>config/site.yaml",
    ],
    after: ["mv /root/site.yaml config/site.yaml"],
  },
  {
    page: README,
    script: "cd /srv/clara_backups/latest",
    says: "a new host, to which the run of the printed dump was brought",
    before: [
      "rm -rf /srv/clara && dropdb clara",
      "cd /srv/clara_backups && rm -rf runs/20261120T1* && ln -sfn runs/20261120T020000Z latest",
    ],
    env: { PGHOST: "localhost", PGUSER: "clara" },
  },
  {
    page: README,
    script: "npx tsx scripts/portable.ts export",
    says: "an application moves from SQLite to PostgreSQL: its migrations have made the tables there",
    before: ["cp /opt/.world/db.sqlite3 /srv/clara/", EMPTY_TABLES],
  },
  {
    page: MONITORING,
    script: "npx tsx scripts/alerts.ts test",
    says: "the addresses are in their files",
    before: ALERT_SERVICE,
  },
  {
    page: OPERATIONS,
    script: "git clone",
    says: "nothing is installed yet",
    before: [
      "git init -q && git add -A && git -c user.name=x -c user.email=x@example.org commit -qm x && mv /opt/holdfast /opt/.world/repository",
    ],
    env: { REPOSITORY: "/opt/.world/repository" },
  },
  {
    page: OPERATIONS,
    script: "setpriv",
    says: "a run of October is deleted below",
    clock: "2026-10-20T02:00:00Z",
  },
  {
    page: OPERATIONS,
    script: "npx tsx scripts/install_systemd.ts --site clara --dry-run",
    says: "the timer's run is the one that is named below",
    clock: "2026-11-20T02:00:00Z",
  },
  {
    page: OPERATIONS,
    script: "install -m 0640 -o root -g holdfast /dev/null /etc/holdfast/db_password",
    says: "then edit it",
    after: ["cut -d: -f5 /root/.pgpass >/etc/holdfast/db_password"],
  },
  {
    page: RESTORE,
    script: "npx tsx scripts/restore.ts --config /etc/holdfast/clara.yaml --rollback",
    says: "taken back: another restore in place that is not confirmed",
    before: ["node dist/scripts/restore.js --config /etc/holdfast/clara.yaml --in-place --yes --quiet"],
  },
  {
    page: RESTORE,
    script: "npx tsx scripts/restore.ts --config /etc/holdfast/clara.yaml --recover",
    says: "after a kill",
    before: [
      "journals() { ls /srv/clara_backups/restores | wc -l; }; before=$(journals)",
      "node dist/scripts/restore.js --config /etc/holdfast/clara.yaml --in-place --yes --quiet &",
      "until [ $(journals) -gt $before ]; do sleep 0.05; done; kill -KILL $!",
    ],
  },
  {
    page: RESTORE,
    script: "npx tsx scripts/restore.ts --package site.tgz",
    says: "a package was made; on the other host the application is installed, and its users are there",
    before: [
      "node dist/scripts/portable.js package --config /etc/holdfast/site.yaml -o site.tgz",
      "rm -rf /srv/clara/{images,templates,clara_content}",
      "psql -q -d clara -c 'truncate clara_app_comment, clara_app_apicall'",
    ],
  },
  {
    page: ENCRYPTION,
    script: "cd /srv/clara_backups/latest",
    says: "a backup was sealed to the operator, who has the identity",
    before: [
      `printf 'encryption: { recipients: [%s], metadata: names }\\n' "$(age-keygen -y operator.txt)" >>/etc/holdfast/clara.yaml`,
      IN_NOVEMBER,
      "cp operator.txt /root/",
    ],
  },
  {
    page: SIGNING,
    script: "npx tsx scripts/doctor.ts",
    says: "a backup was signed",
    before: [IN_NOVEMBER, OLD_STORE],
  },
  {
    page: PORTABLE,
    script: "npx tsx scripts/portable.ts plan",
    says: "the application's migrations have made the tables",
    before: [EMPTY_TABLES],
  },
  {
    page: PORTABLE,
    script: "npx tsx scripts/portable.ts package",
    says: "another site than the one that was cleared",
    before: ["dropdb clara", "createdb clara", "pg_restore -d clara /root/clara.dump"],
  },
];

/** The tables of Django's own models that are not named after them. */
export const DJANGO_TABLES: ReadonlyMap<string, string> = new Map([
  ["contenttypes.contenttype", "django_content_type"],
  ["admin.logentry", "django_admin_log"],
  ["sites.site", "django_site"],
  ["sessions.session", "django_session"],
  ["redirects.redirect", "django_redirect"],
  ["flatpages.flatpage", "django_flatpage"],
]);

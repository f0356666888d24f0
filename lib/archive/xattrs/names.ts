/** The extended attributes that an archive keeps. */

export const ACL_ACCESS = "system.posix_acl_access";
export const ACL_DEFAULT = "system.posix_acl_default";
/** The attribute that makes a program powerful: it is read again through the handle of its directory, and set by root alone. */
export const CAPABILITY = "security.capability";

const KEPT = new Set([ACL_ACCESS, ACL_DEFAULT, CAPABILITY, "security.selinux"]);

/**
 * Returns whether an attribute means the same elsewhere: what users set, ACLs, capabilities and SELinux labels. Others
 * belong to a file system (`trusted.overlay`), a key of the host (`security.ima`) or a network file system.
 */
export const isKept = (name: string): boolean => name.startsWith("user.") || KEPT.has(name);

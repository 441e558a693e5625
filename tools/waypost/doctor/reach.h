/*
 * reach.h - may the web server connect to a unix socket? Judged by mode,
 * owner and groups, as the kernel does (unix(7), path_resolution(7)); access
 * lists and security modules are not looked at.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_REACH_H
#define WP_TOOLS_WAYPOST_DOCTOR_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { WP_DOCTOR_WEB_GROUPS_MAX = 64 };

/* Who serves requests, of a running nginx or lighttpd. */
struct wp_doctor_web {
	char name[16];
	uid_t uid;
	size_t n_groups; /* the first is that of the process */
	gid_t groups[WP_DOCTOR_WEB_GROUPS_MAX];
};

/* Returns: how many were found, at most max; masters aside */
size_t wp_doctor_find_web(struct wp_doctor_web *out, size_t max);

/* Read the text of /proc/<pid>/status. Returns: false when it is none */
bool wp_doctor_read_status(const char *text, struct wp_doctor_web *out);

/* why:  a sentence, when the answer is no */
bool wp_doctor_may_connect(const char *path, const struct wp_doctor_web *web,
			   char *why, size_t room);

#endif /* WP_TOOLS_WAYPOST_DOCTOR_REACH_H */

/*
 * who.h - as whom `waypost doctor` looks. Started by root it looks at
 * files as the services see them, as the user waypost if there is one, and is
 * root again for what only root may see: other users' processes.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_WHO_H
#define WP_TOOLS_WAYPOST_DOCTOR_WHO_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/err.h"

#define WP_SERVICE_USER "waypost"

enum { WP_DOCTOR_GROUPS_MAX = 64 };

struct wp_doctor_who {
	bool is_root;     /* it was started by root */
	bool has_service; /* there is a user waypost */
	uid_t service;    /* that one, else whoever we are */
	gid_t service_group;
	int n_groups; /* of root */
	gid_t groups[WP_DOCTOR_GROUPS_MAX];
};

/* Find out who we are, and who the services are. */
void wp_doctor_who(struct wp_doctor_who *out);

/*
 * Be the services' user from now on, if we are root and there is one. Errors:
 * WP_ERR_SYS
 * Threads:  of a process that has one
 */
enum wp_err wp_doctor_be_service(const struct wp_doctor_who *who,
				 struct wp_error *err) WP_MUST_USE;

/* Be who we were. Errors: WP_ERR_SYS */
enum wp_err wp_doctor_be_root(const struct wp_doctor_who *who,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_DOCTOR_WHO_H */

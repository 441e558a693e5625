/*
 * who.c - see who.h. Only what counts for files is changed
 * (seteuid(2), credentials(7)), so that there is a way back.
 */
#include "tools/waypost/doctor/who.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

void wp_doctor_who(struct wp_doctor_who *out)
{
	const struct passwd *service = getpwnam(WP_SERVICE_USER);

	*out = (struct wp_doctor_who){
		.is_root = geteuid() == 0,
		.has_service = service != NULL,
		.service = service != NULL ? service->pw_uid : geteuid(),
		.service_group = service != NULL ? service->pw_gid : getegid(),
	};
	out->n_groups = getgroups(WP_DOCTOR_GROUPS_MAX, out->groups);
}

enum wp_err wp_doctor_be_service(const struct wp_doctor_who *who,
				 struct wp_error *err)
{
	if (!who->is_root || !who->has_service || who->n_groups == -1)
		return WP_OK;
	if (initgroups(WP_SERVICE_USER, who->service_group) == -1 ||
	    setegid(who->service_group) == -1 || seteuid(who->service) == -1)
		return wp_error_sys(err, "become the user " WP_SERVICE_USER);
	return WP_OK;
}

enum wp_err wp_doctor_be_root(const struct wp_doctor_who *who,
			      struct wp_error *err)
{
	if (!who->is_root || !who->has_service || who->n_groups == -1)
		return WP_OK;
	if (seteuid(0) == -1 || setegid(0) == -1 ||
	    setgroups((size_t)who->n_groups, who->groups) == -1)
		return wp_error_sys(err, "become root again");
	return WP_OK;
}

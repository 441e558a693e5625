/*
 * reach.c - see reach.h.
 */
#include "tools/waypost/doctor/reach.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STATUS_MAX = 8192, SEARCH = 1, WRITE = 2 };

/* ---- who ---- */

/* Behind "Name:", in proc(5)'s status; NULL when it is not there. */
static const char *field(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text != NULL && *text != '\0') {
		if (strncmp(text, name, len) == 0 && text[len] == ':')
			return text + len + 1;
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return NULL;
}

static void add_groups(struct wp_doctor_web *web, const char *text)
{
	const char *end = text + strcspn(text, "\n");

	while (web->n_groups < WP_DOCTOR_WEB_GROUPS_MAX) {
		char *next;
		unsigned long group = strtoul(text, &next, 10);

		if (next == text || next > end)
			return;
		web->groups[web->n_groups++] = (gid_t)group;
		text = next;
	}
}

/* The second of several numbers. */
static bool read_second(const char *text, unsigned long *out)
{
	char *first, *second;

	(void)strtoul(text, &first, 10);
	*out = strtoul(first, &second, 10);
	return first != text && second != first;
}

bool wp_doctor_read_status(const char *text, struct wp_doctor_web *out)
{
	const char *name = field(text, "Name");
	const char *uid = field(text, "Uid");
	const char *gid = field(text, "Gid");
	const char *groups = field(text, "Groups");
	unsigned long user, group;

	*out = (struct wp_doctor_web){ .n_groups = 0 };
	/* The second number is what counts: real, effective, saved, files. */
	if (name == NULL || uid == NULL || gid == NULL || groups == NULL ||
	    sscanf(name, " %15s", out->name) != 1 || !read_second(uid, &user) ||
	    !read_second(gid, &group))
		return false;
	out->uid = (uid_t)user;
	out->groups[out->n_groups++] = (gid_t)group;
	add_groups(out, groups);
	return true;
}

static bool is_web_server(const char *name)
{
	return strcmp(name, "nginx") == 0 || strcmp(name, "lighttpd") == 0;
}

/* The text of a file of a process; false when it cannot be had. */
static bool read_text(const char *pid, const char *name,
		      char out[STATUS_MAX + 1])
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	out[fread(out, 1, STATUS_MAX, file)] = '\0';
	fclose(file);
	return true;
}

static bool read_process(const char *pid, struct wp_doctor_web *out)
{
	static const char master[] = "nginx: master";
	char text[STATUS_MAX + 1];

	/* A master is root, may connect anywhere, and does not. */
	return read_text(pid, "status", text) &&
	       wp_doctor_read_status(text, out) && is_web_server(out->name) &&
	       read_text(pid, "cmdline", text) &&
	       strncmp(text, master, sizeof(master) - 1) != 0;
}

size_t wp_doctor_find_web(struct wp_doctor_web *out, size_t max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (proc != NULL && n < max && (entry = readdir(proc)) != NULL)
		n += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		     read_process(entry->d_name, &out[n]);
	if (proc != NULL)
		closedir(proc);
	return n;
}

/* ---- may they? ---- */

static bool is_in(const struct wp_doctor_web *web, gid_t group)
{
	for (size_t i = 0; i < web->n_groups; i++)
		if (web->groups[i] == group)
			return true;
	return false;
}

/* The first class that fits decides, also when another would allow more. */
static bool may(const struct stat *st, const struct wp_doctor_web *web,
		mode_t what)
{
	if (web->uid == 0)
		return true;
	if (st->st_uid == web->uid)
		return (st->st_mode >> 6 & what) == what;
	if (is_in(web, st->st_gid))
		return (st->st_mode >> 3 & what) == what;
	return (st->st_mode & what) == what;
}

bool wp_doctor_may_connect(const char *path, const struct wp_doctor_web *web,
			   char *why, size_t room)
{
	char folder[128];
	struct stat st;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	if (stat(path, &st) == -1) {
		(void)snprintf(why, room, "%s", strerror(errno));
		return false;
	}
	if (!may(&st, web, WRITE)) {
		(void)snprintf(why, room, "its mode is %04o",
			       (unsigned int)st.st_mode & 07777U);
		return false;
	}
	for (char *slash = strrchr(folder, '/');
	     slash != NULL && slash > folder; slash = strrchr(folder, '/')) {
		*slash = '\0';
		if (stat(folder, &st) == 0 && !may(&st, web, SEARCH)) {
			(void)snprintf(why, room, "%.60s has mode %04o", folder,
				       (unsigned int)st.st_mode & 07777U);
			return false;
		}
	}
	return true;
}

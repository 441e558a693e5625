/*
 * unit.c - do the programs run, will they after a boot, are they those
 * that are installed, and may the web server open their sockets?
 *
 * Units are systemd's, where there is one; processes and sockets are looked at
 * anywhere. Of other users' processes only root sees what they run.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/doctor/reach.h"
#include "tools/waypost/doctor/systemd.h"

enum {
	SHOWN_MAX = 64 << 10,
	VALUE_MAX = 128,
	RESTARTS = 3,
	COMING_UP_S = 60,
	NO_CREDENTIALS = 243, /* systemd.exec(5), "Process Exit Codes" */
	US_PER_S = 1000000,
	HOUR_S = 3600,
	PATHS_MAX = 8,
	WEBS_MAX = 128,
};

/* ---- units ---- */

struct unit {
	char id[VALUE_MAX];
	char active[VALUE_MAX];
	char file[VALUE_MAX];
	char sub[VALUE_MAX];
	long restarts;
	long status;    /* of its main process, at its last end */
	bool is_recent; /* it began within the last hour */
	int64_t here_s; /* for so long it is in this state */
};

static int64_t age_s(const char *text, const char *property)
{
	char number[VALUE_MAX];

	if (!wp_doctor_property(text, property, number, sizeof(number)))
		return INT64_MAX;
	return ((int64_t)wp_mono_us() - strtoll(number, NULL, 10)) / US_PER_S;
}

static void read_unit(const char *text, struct unit *out)
{
	char number[VALUE_MAX];

	*out = (struct unit){ .restarts = 0 };
	(void)wp_doctor_property(text, "Id", out->id, sizeof(out->id));
	(void)wp_doctor_property(text, "ActiveState", out->active,
				 sizeof(out->active));
	(void)wp_doctor_property(text, "UnitFileState", out->file,
				 sizeof(out->file));
	if (wp_doctor_property(text, "NRestarts", number, sizeof(number)))
		out->restarts = strtol(number, NULL, 10);
	if (wp_doctor_property(text, "ExecMainStatus", number, sizeof(number)))
		out->status = strtol(number, NULL, 10);
	(void)wp_doctor_property(text, "SubState", out->sub, sizeof(out->sub));
	out->is_recent = age_s(text, "ActiveEnterTimestampMonotonic") < HOUR_S;
	out->here_s = age_s(text, "StateChangeTimestampMonotonic");
}

/* It has not failed, and has not had its time. */
static bool is_coming_up(const struct unit *unit)
{
	return strcmp(unit->active, "activating") == 0 &&
	       strcmp(unit->sub, "auto-restart") != 0 &&
	       unit->here_s < COMING_UP_S;
}

/* Returns: true when it was worth a line */
static bool say_unit(struct wp_doctor *doctor, const struct unit *unit)
{
	const struct wp_conf *conf = &doctor->cli->conf;
	/* It ends by itself where there is nothing to fetch and to sign. */
	bool may_end = strcmp(unit->id, "waypost-keys.service") == 0 &&
		       conf->auth.issuers.n == 0 && !conf->accounts.enabled;
	bool flaps = unit->restarts >= RESTARTS && unit->is_recent;
	char advice[VALUE_MAX + 64];

	doctor->worker_flaps |=
		flaps && strncmp(unit->id, "waypost-worker", 14) == 0;
	(void)snprintf(advice, sizeof(advice), "journalctl -u %.100s -n 30",
		       unit->id);
	if (is_coming_up(unit))
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-active",
			      "look again in a minute",
			      "%s has been starting for %" PRId64 " s",
			      unit->id, unit->here_s);
	else if (strcmp(unit->active, "active") != 0 &&
		 unit->status == NO_CREDENTIALS)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "unit-active",
			      "make what LoadCredential= of the unit names "
			      "(systemctl cat tells), such as "
			      "/etc/waypost/jwt-secret: openssl rand -hex 32 "
			      "makes a secret; then systemctl restart "
			      "waypost.target",
			      "%s does not start: a file of secrets that "
			      "systemd is to give it is not there "
			      "(243/CREDENTIALS)",
			      unit->id);
	else if (strcmp(unit->active, "failed") == 0 ||
		 strcmp(unit->active, "activating") == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "unit-active",
			      advice, "%s is %s", unit->id, unit->active);
	else if (flaps)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-restarts",
			      advice,
			      "%s was restarted %ld times, the last "
			      "time within the hour",
			      unit->id, unit->restarts);
	else if (strcmp(unit->active, "active") == 0 &&
		 strcmp(unit->file, "disabled") == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-enabled",
			      "systemctl enable waypost.target and the units "
			      "that are to run",
			      "%s runs, and will not after the next boot",
			      unit->id);
	else if (strcmp(unit->active, "inactive") == 0 && !may_end &&
		 strcmp(unit->file, "enabled") == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "unit-active",
			      "systemctl start waypost.target",
			      "%s is enabled, and does not run", unit->id);
	else
		return false;
	return true;
}

static void look_at_units(struct wp_doctor *doctor)
{
	static const char *const patterns[] = { "waypost*", NULL };
	size_t n = 0, n_bad = 0;
	bool is_told;
	char *text, *at;

	if (!wp_doctor_has_systemd()) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "unit-active",
			      NULL, "systemd does not run here");
		return;
	}
	text = malloc(SHOWN_MAX);
	if (text == NULL)
		return;
	is_told = wp_doctor_show(patterns,
				 "Id,ActiveState,SubState,UnitFileState,"
				 "NRestarts,ExecMainStatus,"
				 "ActiveEnterTimestampMonotonic,"
				 "StateChangeTimestampMonotonic",
				 text, SHOWN_MAX);
	if (!is_told)
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "unit-active",
			      NULL, "systemctl does not tell");
	for (at = text; is_told && *at != '\0';) {
		struct unit unit;
		char *end = strstr(at, "\n\n");

		read_unit(at, &unit);
		n++;
		n_bad += say_unit(doctor, &unit);
		at = end != NULL ? end + 2 : at + strlen(at);
	}
	if (is_told && n == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-active",
			      "systemctl start waypost.target, if the "
			      "programs of this host are to be units",
			      "systemd has no unit of Waypost loaded");
	else if (is_told && n_bad == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "unit-active",
			      NULL, "%zu units are as they should be", n);
	free(text);
}

/* ---- processes ---- */

struct running {
	size_t n;
	size_t n_replaced;
	char replaced[64]; /* the name of one of them */
};

static void note_process(struct running *running, const char *pid)
{
	static const char gone[] = " (deleted)";
	char path[64], exe[512];
	const char *name;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len <= 0)
		return;
	exe[len] = '\0';
	name = strrchr(exe, '/');
	if (name == NULL || strncmp(name + 1, "waypost-", 8) != 0)
		return;
	running->n++;
	if ((size_t)len < strlen(gone) ||
	    strcmp(exe + len - strlen(gone), gone) != 0)
		return;
	running->n_replaced++;
	exe[(size_t)len - strlen(gone)] = '\0';
	(void)snprintf(running->replaced, sizeof(running->replaced), "%.60s",
		       name + 1);
}

static void look_at_versions(struct wp_doctor *doctor)
{
	struct running running = { .n = 0 };
	struct dirent *entry;
	struct wp_error err;
	DIR *proc = NULL;

	if (wp_doctor_be_root(&doctor->who, &err) == WP_OK)
		proc = opendir("/proc");
	while (proc != NULL && (entry = readdir(proc)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			note_process(&running, entry->d_name);
	if (proc != NULL)
		closedir(proc);
	if (wp_doctor_be_service(&doctor->who, &err) != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "unit-version",
			      NULL, "%s", err.msg);
	if (running.n_replaced > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-version",
			      "systemctl restart waypost.target",
			      "%zu of %zu processes run a program that was "
			      "replaced since (%s)",
			      running.n_replaced, running.n, running.replaced);
	else if (running.n > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "unit-version",
			      NULL, "%zu processes run what is installed",
			      running.n);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "unit-version",
			      doctor->who.is_root ? NULL
						  : "run waypost doctor as "
						    "root to see them",
			      "no process of Waypost is seen on this host");
}

/* ---- sockets ---- */

/* What the web server must open. Returns: how many */
static size_t list_sockets(const struct wp_conf *conf,
			   const char *out[PATHS_MAX])
{
	static const char prefix[] = "unix:";
	/* Where systemd's units listen, when the settings leave it to them. */
	static const char *const inherited[] = {
		"/run/waypost/handlers.sock", "/run/waypost/websocket.sock"
	};
	const char *const said[] = { conf->handlers.listen,
				     conf->websocket.listen };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		if (strncmp(said[i], prefix, strlen(prefix)) == 0)
			out[n++] = said[i] + strlen(prefix);
		else if (said[i][0] == '\0')
			out[n++] = inherited[i];
	}
	return n;
}

/*
 * May one of the web servers of this host connect? There may be others, of
 * nobody's business here.
 *
 * *web_out, why:  of the last one, when the answer is no
 */
static bool may_any_connect(const char *path, struct wp_doctor_web *web_out,
			    char *why, size_t room)
{
	struct wp_doctor_web *webs = calloc(WEBS_MAX, sizeof(*webs));
	size_t n = webs != NULL ? wp_doctor_find_web(webs, WEBS_MAX) : 0;
	bool may = n == 0;

	for (size_t i = 0; !may && i < n; i++) {
		*web_out = webs[i];
		may = wp_doctor_may_connect(path, &webs[i], why, room);
	}
	free(webs);
	return may;
}

/* Returns: true when it was worth a line */
static bool say_socket(struct wp_doctor *doctor, const char *path)
{
	struct wp_doctor_web web;
	char why[128];
	struct stat st;

	if (stat(path, &st) == -1 && errno == EACCES) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-sockets",
			      "let the users of the services and of the web "
			      "server enter its folders: chmod 0755",
			      "%.100s cannot be looked at: %s", path,
			      strerror(EACCES));
		return true;
	}
	if (stat(path, &st) == -1 || !S_ISSOCK(st.st_mode)) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "unit-sockets",
			      "is the program running, and does it listen on "
			      "what the web server is told?",
			      "there is no socket at %.100s", path);
		return true;
	}
	if (may_any_connect(path, &web, why, sizeof(why)))
		return false;
	wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "unit-sockets",
		      "give the socket a group that the web server's user is "
		      "in, and mode 0660; then restart the web server",
		      "%s, as user %" PRIu64 ", may not connect to %.100s: "
		      "%s",
		      web.name, (uint64_t)web.uid, path, why);
	return true;
}

static void look_at_sockets(struct wp_doctor *doctor)
{
	const char *paths[PATHS_MAX];
	size_t n = list_sockets(&doctor->cli->conf, paths), n_bad = 0;

	for (size_t i = 0; i < n; i++)
		n_bad += say_socket(doctor, paths[i]);
	if (n == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "unit-sockets",
			      NULL, "the programs listen on no unix socket");
	else if (n_bad == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "unit-sockets",
			      NULL,
			      "the sockets are there, and the web server "
			      "may open them");
}

const struct wp_doctor_check wp_doctor_unit[] = {
	{ "unit-active", WP_DOCTOR_NEEDS_NOTHING, look_at_units },
	{ "unit-version", WP_DOCTOR_NEEDS_NOTHING, look_at_versions },
	{ "unit-sockets", WP_DOCTOR_NEEDS_NOTHING, look_at_sockets },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};

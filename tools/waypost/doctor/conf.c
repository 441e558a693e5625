/*
 * conf.c - are the settings sound, may the services read what they name,
 * and does nobody see the secrets?
 *
 * The settings were read as the services would read them, all of them and all
 * secrets, so each fault that a program would refuse to start for is known.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auth/keyset.h"
#include "tools/waypost/doctor/checks.h"

enum {
	SECRET_MIN_BYTES = 32,
	ENVIRON_MAX = 256 << 10,
	MS_PER_HOUR = 3600 * 1000,
	KEYS_OLD_PERCENT = 50,
};

static void look_at_file(struct wp_doctor *doctor)
{
	const struct wp_conf *conf = &doctor->cli->conf;

	if (doctor->is_file_hidden)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-file",
			      "chgrp " WP_SERVICE_USER " and chmod 0640",
			      "root alone can read the configuration file: the "
			      "programs refuse to start");
	else if (conf->has_file)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "conf-file", NULL,
			      "a configuration file was read, for %s mode",
			      conf->run_mode == WP_RUN_PRODUCTION ? "production"
								  : "local");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-file",
			      "name it with --config or WAYPOST_CONFIG, as the "
			      "programs are told",
			      "there is no " WP_CONF_DEFAULT_PATH
			      "; defaults of local mode hold");
}

static void look_at_settings(struct wp_doctor *doctor)
{
	const struct wp_faults *faults = doctor->faults;
	size_t n = faults->n < WP_FAULTS_MAX ? faults->n : WP_FAULTS_MAX;

	for (size_t i = 0; i < n; i++)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-settings",
			      "mend it in the file, or in the environment of "
			      "the programs; they refuse to start like that",
			      "%s", faults->list[i].msg);
	if (n == 0 && doctor->is_read_by_root)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-settings",
			      "right where units give them by "
			      "LoadCredential=; else chgrp " WP_SERVICE_USER
			      " and chmod 0640",
			      "all settings are good, but root alone can read "
			      "the files of secrets");
	else if (n == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "conf-settings",
			      NULL,
			      "all settings are good, and the files of secrets "
			      "can be read%s",
			      doctor->who.is_root && doctor->who.has_service
				      ? " by the user " WP_SERVICE_USER
				      : "");
}

/* What production refuses, told in local mode too: it is where one begins. */
static void look_at_secrets(struct wp_doctor *doctor)
{
	static const char advice[] = "openssl rand -hex 32 makes one; give "
				     "each file mode 0640 and the group of "
				     "the services";
	const struct wp_conf *conf = &doctor->cli->conf;
	const char *jwt = conf->auth.jwt_secret;
	const char *store = conf->auth.store_secret;

	if (jwt[0] != '\0' && strlen(jwt) < SECRET_MIN_BYTES)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-secrets",
			      advice, "auth.jwt_secret has less than 32 bytes");
	else if (store[0] != '\0' && strlen(store) < SECRET_MIN_BYTES)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-secrets",
			      advice,
			      "auth.store_secret has less than 32 bytes");
	else if (jwt[0] != '\0' && strcmp(jwt, store) == 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-secrets",
			      advice,
			      "auth.jwt_secret and auth.store_secret are the "
			      "same");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "conf-secrets",
			      NULL, "the secrets are long enough, and differ");
}

/* ---- whose environment holds a secret? ---- */

static bool holds_secret(const char *text, size_t len)
{
	static const char *const names[] = { "JWT_SECRET=", "STORE_SECRET=" };
	const char *end = text + len;

	while (text < end) {
		size_t n = strnlen(text, (size_t)(end - text));

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (n > strlen(names[i]) &&
			    strncmp(text, names[i], strlen(names[i])) == 0)
				return true;
		text += n + 1;
	}
	return false;
}

static bool environ_holds_secret(const char *pid, char *room)
{
	char path[64];
	bool found = false;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	found = holds_secret(room, fread(room, 1, ENVIRON_MAX, file));
	fclose(file);
	explicit_bzero(room, ENVIRON_MAX);
	return found;
}

/* Is it a process of neither root nor the services? */
static bool is_others(const struct wp_doctor *doctor, const char *pid)
{
	struct stat st;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%.20s", pid);
	return stat(path, &st) == 0 && st.st_uid != 0 &&
	       st.st_uid != doctor->who.service;
}

static size_t count_leaks(const struct wp_doctor *doctor, char *room)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	if (proc == NULL)
		return 0;
	while ((entry = readdir(proc)) != NULL)
		if (strspn(entry->d_name, "0123456789") ==
			    strlen(entry->d_name) &&
		    is_others(doctor, entry->d_name))
			n += environ_holds_secret(entry->d_name, room);
	closedir(proc);
	return n;
}

static void look_at_environments(struct wp_doctor *doctor)
{
	struct wp_error err;
	char *room;
	size_t n;

	if (!doctor->who.is_root) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "conf-environ",
			      "run waypost doctor as root",
			      "whether another user's process has a secret in "
			      "its environment, only root sees");
		return;
	}
	room = malloc(ENVIRON_MAX);
	if (room == NULL || wp_doctor_be_root(&doctor->who, &err) != WP_OK) {
		free(room);
		return;
	}
	n = count_leaks(doctor, room);
	free(room);
	/* Else the rest would be seen with root's eyes. */
	if (wp_doctor_be_service(&doctor->who, &err) != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-environ",
			      NULL, "%s", err.msg);
	if (n > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-environ",
			      "take JWT_SECRET and STORE_SECRET out of "
			      "profiles and unit files; name files instead "
			      "(auth.jwt_secret_file)",
			      "%zu processes of other users have a secret in "
			      "their environment",
			      n);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "conf-environ",
			      NULL,
			      "no process of another user has a secret in its "
			      "environment");
}

/* ---- the keys of issuers, and our own ---- */

static void say_keys(struct wp_doctor *doctor, const struct wp_issuer *issuer,
		     const struct wp_keyset_state *state)
{
	int64_t age_ms = wp_wall_ms() - state->fetched_ms;
	int64_t max_ms = doctor->cli->conf.auth.key_max_age_hours * MS_PER_HOUR;
	static const char advice[] = "is waypost-keys running, and can it "
				     "reach the issuer? Its log says why not";

	if (state->jwks == NULL)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-keys",
			      advice, "there are no keys of the issuer %.100s",
			      issuer->text);
	else if (state->is_too_old)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-keys",
			      advice,
			      "the keys of the issuer %.100s are %" PRId64
			      " h old and verify no longer",
			      issuer->text, age_ms / MS_PER_HOUR);
	else if (age_ms * 100 > max_ms * KEYS_OLD_PERCENT && !issuer->is_own)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "conf-keys",
			      advice,
			      "the keys of the issuer %.100s are %" PRId64
			      " h old; at %" PRId64 " h they verify no longer",
			      issuer->text, age_ms / MS_PER_HOUR,
			      max_ms / MS_PER_HOUR);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "conf-keys", NULL,
			      "the keys of the issuer %.100s are %" PRId64
			      " min old",
			      issuer->text, age_ms / 60000);
}

static void look_at_keys(struct wp_doctor *doctor)
{
	const struct wp_conf *conf = &doctor->cli->conf;
	struct wp_keyset *keyset = NULL;
	const struct wp_issuers *issuers;
	struct wp_error err = { 0 };

	if (wp_keyset_new(&keyset, conf, &err) != WP_OK) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-keys",
			      NULL, "%s", err.msg);
		return;
	}
	wp_keyset_look(keyset, wp_mono_ms(), wp_wall_ms());
	issuers = wp_keyset_issuers(keyset);
	for (size_t i = 0; i < issuers->n; i++) {
		struct wp_keyset_state state = wp_keyset_state(keyset, i);

		say_keys(doctor, &issuers->items[i], &state);
	}
	wp_keyset_free(&keyset);
}

const struct wp_doctor_check wp_doctor_conf[] = {
	{ "conf-file", WP_DOCTOR_NEEDS_NOTHING, look_at_file },
	{ "conf-settings", WP_DOCTOR_NEEDS_NOTHING, look_at_settings },
	{ "conf-secrets", WP_DOCTOR_NEEDS_NOTHING, look_at_secrets },
	{ "conf-environ", WP_DOCTOR_NEEDS_NOTHING, look_at_environments },
	{ "conf-keys", WP_DOCTOR_NEEDS_NOTHING, look_at_keys },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};

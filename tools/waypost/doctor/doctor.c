/*
 * doctor.c - `waypost doctor`: everything that can be wrong with a deployment,
 * looked at from one command, whatever else is wrong.
 *
 * Reads the settings of all programs with all secrets, as the user of the
 * services; goes through the tables of checks (checks.h); changes
 * nothing but what the canary sends to users that it has made up. A check takes
 * 10 s at most and all of them 60 s, but where it was asked for more; should
 * one hang for good (a file system that is gone), the alarm clock ends it all.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/doctor/web.h"

enum {
	REDIS_MS = 5000,
	SLOW_MS = 90 * 1000,
	DEEP_MS = 3600 * 1000,
	ALARM_MS = 10 * 1000, /* behind the time of all */
	MS_PER_S = 1000,
};

static const struct wp_conf_flag flags[] = {
	{ "--redis", "redis.address" },
	{ NULL, NULL },
};

/* All of them, and so all secrets: whether they can be read is a question. */
static const struct wp_conf_program about = {
	.name = "waypost",
	.summary = "Looks at everything.",
	.known = wp_conf_sections,
	.sections = wp_conf_sections,
	.judges_all = true,
	.flags = flags,
};

/* ---- the settings ---- */

/*
 * Once more, as root: secrets that root alone may read are given to units by
 * LoadCredential=. When that does not help, everything is as it was.
 */
static enum wp_err load_as_root(struct wp_doctor *doctor,
				struct wp_program *program,
				struct wp_error *err)
{
	struct wp_conf *conf = &doctor->cli->conf;
	struct wp_error why;
	enum wp_err rc = wp_doctor_be_root(&doctor->who, err);

	if (rc != WP_OK)
		return rc;
	doctor->is_file_hidden = conf->file_errno == EACCES;
	wp_conf_release(conf);
	doctor->is_read_by_root = wp_program_load(program, conf, &why) == WP_OK;
	return wp_doctor_be_service(&doctor->who, err);
}

/* The fault of a file that this user may not read, or NULL. */
static const struct wp_error *find_denial(const struct wp_faults *faults)
{
	size_t n = faults->n < WP_FAULTS_MAX ? faults->n : WP_FAULTS_MAX;

	for (size_t i = 0; i < n; i++)
		if (faults->list[i].sys_errno == EACCES)
			return &faults->list[i];
	return NULL;
}

/*
 * Without the settings that the programs have, all else would be a look at
 * another deployment, the one of the defaults: it is not begun.
 *
 * Returns:  true when it is so, and has been said
 */
static bool is_blind(struct wp_doctor *doctor)
{
	const struct wp_error *denial = find_denial(doctor->faults);
	bool is_denied = denial != NULL && !doctor->who.is_root;

	if (doctor->cli->conf.file_errno == 0 && !is_denied)
		return false;
	wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "conf-file",
		      is_denied ? "run waypost doctor as root, or as a member "
				  "of the group that may read it (waypost, "
				  "where the package is installed)"
				: "name the file that the programs read, with "
				  "--config or WAYPOST_CONFIG",
		      "nothing was looked at: %s",
		      is_denied ? denial->msg : doctor->faults->list[0].msg);
	return true;
}

/* Each fault is in program->faults, and is told as one of the checks. */
static enum wp_err load(struct wp_doctor *doctor, struct wp_program *program,
			struct wp_error *err)
{
	struct wp_error why;
	enum wp_err rc = wp_doctor_be_service(&doctor->who, err);

	doctor->faults = &program->faults;
	if (rc == WP_OK &&
	    wp_program_load(program, &doctor->cli->conf, &why) != WP_OK &&
	    doctor->who.is_root && doctor->who.has_service)
		rc = load_as_root(doctor, program, err);
	return rc;
}

/* No answer of Redis may take longer than a check. */
static void bound_waits(struct wp_conf *conf)
{
	if (conf->redis.connect_timeout_ms > REDIS_MS)
		conf->redis.connect_timeout_ms = REDIS_MS;
	if (conf->redis.command_timeout_ms > REDIS_MS)
		conf->redis.command_timeout_ms = REDIS_MS;
	if (conf->store.busy_timeout_ms > REDIS_MS)
		conf->store.busy_timeout_ms = REDIS_MS;
}

/* ---- the time ---- */

static void on_alarm(int number)
{
	static const char text[] =
		"waypost: doctor: a check does not come back; the one behind "
		"the last line is what hangs\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(WP_EXIT_FAILED);
}

static uint64_t time_of_all(const struct wp_cli_args *args)
{
	uint64_t ms = WP_DOCTOR_ALL_MS;

	if (args->is_slow)
		ms += SLOW_MS;
	if (args->is_deep)
		ms += DEEP_MS;
	return ms;
}

static void set_alarm(uint64_t ms)
{
	struct sigaction action = { .sa_handler = on_alarm };

	sigemptyset(&action.sa_mask);
	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm((unsigned int)((ms + ALARM_MS) / MS_PER_S));
}

/* ---- all checks ---- */

/* Where the deployment is from outside, if anybody says so. */
static void find_web(struct wp_doctor *doctor)
{
	const char *url = doctor->cli->args.url;
	struct wp_error err = { 0 };

	if (url == NULL)
		url = doctor->cli->conf.public_url;
	doctor->ca_file = doctor->cli->conf.auth.ca_file;
	if (url[0] == '\0')
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "web-url",
			      "set public_url, or say --url https://…",
			      "neither the web server was looked at from "
			      "outside (web-…), nor did a canary fly: where "
			      "the deployment is, is not said");
	else if (wp_web_new(&doctor->web, url, doctor->ca_file, &err) != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-url",
			      "mend public_url, or --url", "its address %s",
			      err.msg);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "web-url", NULL,
			      "%s", wp_web_base(doctor->web));
}

static const struct wp_doctor_check door[] = {
	{ "web-url", WP_DOCTOR_NEEDS_NOTHING, find_web },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};

static const struct wp_doctor_check *const families[] = { wp_doctor_conf,
							  wp_doctor_unit,
							  wp_doctor_redis,
							  wp_doctor_store,
							  wp_doctor_part,
							  wp_doctor_full,
							  wp_doctor_web_conf,
							  door,
							  wp_doctor_web,
							  wp_doctor_canary,
							  NULL };
/* For a timer, each minute: what it costs is what two users cost. */
static const struct wp_doctor_check *const canary_alone[] = { door,
							      wp_doctor_canary,
							      NULL };

/* One line, behind that of the cause: a dozen that say the same hide it. */
static void say_without_redis(struct wp_doctor *doctor)
{
	struct wp_buf ids;

	if (doctor->is_redis_missed)
		return;
	doctor->is_redis_missed = true;
	wp_buf_init(&ids, 0);
	for (size_t i = 0; families[i] != NULL; i++)
		for (const struct wp_doctor_check *check = families[i];
		     check->id != NULL; check++)
			if (check->needs == WP_DOCTOR_NEEDS_REDIS)
				wp_buf_printf(&ids, "%s%s",
					      ids.len > 0 ? ", " : "",
					      check->id);
	wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "redis-missing", NULL,
		      "not looked at, for only Redis knows it: %s",
		      ids.failed ? "" : ids.data);
	wp_buf_release(&ids);
}

static void run_check(struct wp_doctor *doctor,
		      const struct wp_doctor_check *check)
{
	uint64_t now_ms = wp_mono_ms();

	if (now_ms >= doctor->all_ends_ms) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, check->id, NULL,
			      "there was no time left for it");
		return;
	}
	/* One line has said that, and why; likewise below. */
	if (check->needs == WP_DOCTOR_NEEDS_WEB && doctor->web == NULL)
		return;
	if (check->needs == WP_DOCTOR_NEEDS_REDIS && !doctor->has_redis) {
		say_without_redis(doctor);
		return;
	}
	doctor->ends_ms = now_ms + WP_DOCTOR_CHECK_MS;
	check->run(doctor);
}

static void run_all(struct wp_doctor *doctor)
{
	const struct wp_doctor_check *const *family =
		doctor->cli->args.is_canary_only ? canary_alone : families;

	for (; *family != NULL; family++)
		for (const struct wp_doctor_check *check = *family;
		     check->id != NULL; check++)
			run_check(doctor, check);
}

static int status_of(const struct wp_doctor *doctor)
{
	const size_t *counts = doctor->report.counts;

	if (counts[WP_DOCTOR_FAIL] > 0)
		return WP_EXIT_FAILED;
	return counts[WP_DOCTOR_WARN] > 0 && doctor->cli->args.is_strict
		       ? WP_EXIT_WARNED
		       : WP_EXIT_DONE;
}

enum wp_err wp_cli_doctor(struct wp_cli *cli, int argc, char **argv,
			  struct wp_error *err)
{
	uint64_t all_ms = time_of_all(&cli->args);
	struct wp_program program = {
		.about = &about,
		.argc = argc,
		.argv = argv,
	};
	struct wp_doctor doctor = {
		.cli = cli,
		.all_ends_ms = wp_mono_ms() + all_ms,
	};
	enum wp_err rc;

	set_alarm(all_ms);
	wp_doctor_who(&doctor.who);
	wp_doctor_report_begin(&doctor.report, cli->args.is_json);
	rc = load(&doctor, &program, err);
	if (rc == WP_OK && !program.is_over) {
		/* What is wrong is told in lines of its own. */
		wp_log_setup("waypost", WP_LOG_ERROR);
		bound_waits(&cli->conf);
		if (!is_blind(&doctor))
			run_all(&doctor);
		rc = wp_doctor_report_end(&doctor.report, err);
		cli->status = status_of(&doctor);
	}
	cli->conf.faults = NULL; /* which were of this function */
	wp_web_free(&doctor.web);
	wp_doctor_report_release(&doctor.report);
	(void)alarm(0);
	return rc;
}

/* What systemd says of units, told as what is wrong; systemctl is the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/doctor/systemd.h"

static const char *shown; /* NULL: systemctl does not tell */
static bool has_systemd = true;

bool __wrap_wp_doctor_has_systemd(void);
bool __wrap_wp_doctor_has_systemd(void)
{
	return has_systemd;
}

bool __wrap_wp_doctor_show(const char *const *units, const char *properties,
			   char *out, size_t room);
bool __wrap_wp_doctor_show(const char *const *units, const char *properties,
			   char *out, size_t room)
{
	assert_string_equal(units[0], "waypost*");
	assert_non_null(strstr(properties, "NRestarts"));
	(void)snprintf(out, room, "%s", shown != NULL ? shown : "");
	return shown != NULL;
}

/* What the check says of this, as JSON rows. */
static void expect(const char *text, enum wp_doctor_said said,
		   const char *sentence)
{
	struct wp_cli cli = { .redis = NULL };
	struct wp_doctor doctor = { .cli = &cli };

	shown = text;
	wp_doctor_report_begin(&doctor.report, true);
	wp_doctor_unit[0].run(&doctor);
	assert_int_equal(doctor.report.counts[said], 1);
	assert_non_null(strstr(doctor.report.rows.data, sentence));
	wp_doctor_report_release(&doctor.report);
}

#define UNIT(id, active, file, restarts, since)                  \
	"Id=" id "\nActiveState=" active "\nUnitFileState=" file \
	"\nNRestarts=" restarts "\nActiveEnterTimestampMonotonic=" since "\n"

static const char good[] =
	UNIT("waypost-ws.service", "active", "enabled", "0",
	     "5") "\n" UNIT("waypost-ws.socket", "active", "enabled", "0",
			    "5") "\n" UNIT("waypost-worker@2.service",
					   "inactive", "disabled", "0", "0");

static void units_that_are_well_are_one_line(void **state)
{
	(void)state;
	expect(good, WP_DOCTOR_OK, "3 units are as they should be");
}

static void a_unit_that_is_not_well_is_named(void **state)
{
	char recent[256];

	(void)state;
	expect(UNIT("a.service", "failed", "enabled", "0", "5"), WP_DOCTOR_FAIL,
	       "a.service is failed");
	expect(UNIT("a.service", "activating", "enabled", "0", "5"),
	       WP_DOCTOR_FAIL, "a.service is activating");
	expect(UNIT("a.service", "inactive", "enabled", "0", "5"),
	       WP_DOCTOR_FAIL, "does not run");
	expect(UNIT("a.service", "active", "disabled", "0", "5"),
	       WP_DOCTOR_WARN, "will not after the next boot");
	expect(UNIT("a.service", "activating", "enabled", "0", "5")
	       "SubState=auto-restart\nExecMainStatus=243\n",
	       WP_DOCTOR_FAIL, "243/CREDENTIALS");
	expect(UNIT("a.service", "active", "enabled", "0", "5")
	       "SubState=running\nExecMainStatus=243\n",
	       WP_DOCTOR_OK, "1 units are");
	/* It starts since this very moment, and should have long ago. */
	(void)snprintf(recent, sizeof(recent),
		       UNIT("a.service", "activating", "enabled", "0", "0")
		       "SubState=start\nStateChangeTimestampMonotonic=%llu\n",
		       (unsigned long long)wp_mono_us());
	expect(recent, WP_DOCTOR_WARN, "a.service has been starting for 0 s");
	if (wp_mono_us() > UINT64_C(100) * 1000000)
		expect(UNIT("a.service", "activating", "enabled", "0", "0")
		       "SubState=start\nStateChangeTimestampMonotonic=1\n",
		       WP_DOCTOR_FAIL, "a.service is activating");
	/* It is since this very moment. */
	(void)snprintf(recent, sizeof(recent),
		       UNIT("a.service", "active", "enabled", "3", "%llu"),
		       (unsigned long long)wp_mono_us());
	expect(recent, WP_DOCTOR_WARN, "restarted 3 times");
	/* One that recovered long ago is no news. */
	if (wp_mono_us() > UINT64_C(4000) * 1000000)
		expect(UNIT("a.service", "active", "enabled", "3", "1"),
		       WP_DOCTOR_OK, "1 units");
}

static void no_unit_and_no_systemd_are_told_apart(void **state)
{
	(void)state;
	expect("", WP_DOCTOR_WARN, "no unit of Waypost");
	expect(NULL, WP_DOCTOR_SKIP, "does not tell");
	has_systemd = false;
	expect(good, WP_DOCTOR_SKIP, "does not run here");
	has_systemd = true;
}

static void a_property_is_of_its_own_unit(void **state)
{
	char value[16];

	(void)state;
	assert_true(wp_doctor_property("A=1\nAB=2\n\nC=3\n", "AB", value,
				       sizeof(value)));
	assert_string_equal(value, "2");
	assert_false(
		wp_doctor_property("A=1\n\nC=3\n", "C", value, sizeof(value)));
	assert_false(wp_doctor_property("", "C", value, sizeof(value)));
}

/* Which the partitions are told of (part.c). */
static void a_worker_that_flaps_is_remembered(void **state)
{
	static const struct {
		const char *name, *restarts;
		bool flaps;
	} units[] = {
		{ "waypost-worker.service", "3", true },
		{ "waypost-worker@2.service", "3", true },
		{ "waypost-worker.service", "2", false },
		{ "waypost-ws.service", "3", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct wp_cli cli = { .redis = NULL };
		struct wp_doctor doctor = { .cli = &cli };
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "Id=%s\nActiveState=active\nUnitFileState=enabled"
			       "\nNRestarts=%s\n"
			       "ActiveEnterTimestampMonotonic=%llu\n",
			       units[i].name, units[i].restarts,
			       (unsigned long long)wp_mono_us());
		shown = text;
		wp_doctor_report_begin(&doctor.report, true);
		wp_doctor_unit[0].run(&doctor);
		wp_doctor_report_release(&doctor.report);
		assert_int_equal(doctor.worker_flaps, units[i].flaps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_that_are_well_are_one_line),
		cmocka_unit_test(a_worker_that_flaps_is_remembered),
		cmocka_unit_test(a_unit_that_is_not_well_is_named),
		cmocka_unit_test(no_unit_and_no_systemd_are_told_apart),
		cmocka_unit_test(a_property_is_of_its_own_unit),
	};

	return cmocka_run_group_tests_name("doctor_unit", tests, NULL, NULL);
}

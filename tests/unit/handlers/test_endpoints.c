/* Paths lead where the contract says, and no others lead anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "handlers/request/metrics.h"
#include "handlers/serve.h"

#include "tests/unit/handlers/fake.h"

struct stage {
	struct fake_world world;
	int n_counted; /* requests since the last question */
	enum wp_endpoint_id counted;
};

static struct stage *on_stage;

void __real_wp_handlers_metrics_request(struct wp_metrics *metrics,
					enum wp_endpoint_id endpoint,
					unsigned int status,
					uint64_t duration_us);
void __wrap_wp_handlers_metrics_request(struct wp_metrics *metrics,
					enum wp_endpoint_id endpoint,
					unsigned int status,
					uint64_t duration_us);

/* Several endpoints are one route to metrics; here they are told apart. */
void __wrap_wp_handlers_metrics_request(struct wp_metrics *metrics,
					enum wp_endpoint_id endpoint,
					unsigned int status,
					uint64_t duration_us)
{
	on_stage->n_counted++;
	on_stage->counted = endpoint;
	__real_wp_handlers_metrics_request(metrics, endpoint, status,
					   duration_us);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	*state = stage;
	return stage != NULL && fake_world_init(&stage->world) &&
			       wp_handlers_metrics_new(
				       &stage->world.shared.metrics, NULL) ==
				       WP_OK
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	wp_metrics_free(&stage->world.shared.metrics);
	fake_world_release(&stage->world);
	free(stage);
	return 0;
}

/* Ask for path without a token; fake holds the answer. */
static void ask(struct stage *stage, struct fake *fake, const char *method,
		const char *path)
{
	on_stage = stage;
	stage->n_counted = 0;
	fake_request(fake, method, path);
	fake_serve(&stage->world.ctx, &fake->io);
}

/* What has the last request been counted as? It must have been one thing. */
static enum wp_endpoint_id counted(const struct stage *stage)
{
	assert_int_equal(stage->n_counted, 1);
	return stage->counted;
}

static void every_path_of_the_contract_leads_where_it_says(void **state)
{
	static const struct {
		const char *path;
		const char *methods;
		enum wp_endpoint_id id;
		bool is_open; /* to who has no token */
		/* Where a path has several rows: what all of them allow, and
		 * the first of them. */
		const char *allow;
		enum wp_endpoint_id first;
	} cases[] = {
		{ "/api/send", "POST", WP_ENDPOINT_send, false, NULL,
		  WP_ENDPOINT_none },
		{ "/send", "POST", WP_ENDPOINT_send, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/send/batch", "POST", WP_ENDPOINT_send_batch, false,
		  NULL, WP_ENDPOINT_none },
		{ "/send/batch", "POST", WP_ENDPOINT_send_batch, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/messages", "GET", WP_ENDPOINT_messages, false, NULL,
		  WP_ENDPOINT_none },
		{ "/messages", "GET", WP_ENDPOINT_messages, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/messages/ack", "POST", WP_ENDPOINT_ack, false, NULL,
		  WP_ENDPOINT_none },
		{ "/messages/ack", "POST", WP_ENDPOINT_ack, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/presence", "GET", WP_ENDPOINT_presence, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/notify", "POST", WP_ENDPOINT_notify, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/ticket", "POST", WP_ENDPOINT_ticket, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/devices", "GET", WP_ENDPOINT_devices, false,
		  "GET, POST, DELETE", WP_ENDPOINT_devices },
		{ "/api/devices", "POST", WP_ENDPOINT_devices_add, false,
		  "GET, POST, DELETE", WP_ENDPOINT_devices },
		{ "/api/devices", "DELETE", WP_ENDPOINT_devices_remove, false,
		  "GET, POST, DELETE", WP_ENDPOINT_devices },
		{ "/register-device", "POST", WP_ENDPOINT_register_device,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/v1/register/fcm", "POST", WP_ENDPOINT_register_fcm,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/v1/register/web", "POST", WP_ENDPOINT_register_web,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/v1/unregister/fcm", "POST", WP_ENDPOINT_unregister_fcm,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/v1/unregister/web", "POST", WP_ENDPOINT_unregister_web,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/devices/test", "POST", WP_ENDPOINT_devices_test, false,
		  NULL, WP_ENDPOINT_none },
		{ "/api/devices/verify", "POST", WP_ENDPOINT_devices_verify,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/push/unsubscribe", "POST", WP_ENDPOINT_push_unsubscribe,
		  true, "GET, POST", WP_ENDPOINT_push_unsubscribe_page },
		{ "/api/push/unsubscribe", "GET",
		  WP_ENDPOINT_push_unsubscribe_page, true, "GET, POST",
		  WP_ENDPOINT_push_unsubscribe_page },
		{ "/api/push/preferences", "GET", WP_ENDPOINT_push_prefs, false,
		  "GET, PUT", WP_ENDPOINT_push_prefs },
		{ "/api/push/preferences", "PUT", WP_ENDPOINT_push_prefs_put,
		  false, "GET, PUT", WP_ENDPOINT_push_prefs },
		{ "/api/admin/revoke", "POST", WP_ENDPOINT_admin_revoke, false,
		  NULL, WP_ENDPOINT_none },
		{ "/api/admin/accounts", "POST", WP_ENDPOINT_admin_accounts,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/admin/accounts/state", "POST",
		  WP_ENDPOINT_admin_accounts_state, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/admin/accounts/reset-code", "POST",
		  WP_ENDPOINT_admin_accounts_reset_code, false, NULL,
		  WP_ENDPOINT_none },
		{ "/api/admin/invites", "POST", WP_ENDPOINT_admin_invites,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/auth/refresh", "POST", WP_ENDPOINT_auth_refresh, true,
		  NULL, WP_ENDPOINT_none },
		{ "/api/auth/logout", "POST", WP_ENDPOINT_auth_logout, true,
		  NULL, WP_ENDPOINT_none },
		{ "/api/auth/backchannel-logout", "POST",
		  WP_ENDPOINT_auth_backchannel_logout, true, NULL,
		  WP_ENDPOINT_none },
		{ "/api/auth/sessions", "GET", WP_ENDPOINT_auth_sessions, false,
		  NULL, WP_ENDPOINT_none },
		{ "/api/auth/sessions/revoke", "POST",
		  WP_ENDPOINT_auth_sessions_revoke, false, NULL,
		  WP_ENDPOINT_none },
		{ "/.well-known/jwks.json", "GET", WP_ENDPOINT_jwks, true, NULL,
		  WP_ENDPOINT_none },
		{ "/.well-known/oauth-authorization-server", "GET",
		  WP_ENDPOINT_oauth_server, true, NULL, WP_ENDPOINT_none },
		{ "/api/auth/register", "POST", WP_ENDPOINT_auth_register, true,
		  NULL, WP_ENDPOINT_none },
		{ "/auth/register", "POST", WP_ENDPOINT_auth_register, true,
		  NULL, WP_ENDPOINT_none },
		{ "/api/auth/login", "POST", WP_ENDPOINT_auth_login, true, NULL,
		  WP_ENDPOINT_none },
		{ "/auth/login", "POST", WP_ENDPOINT_auth_login, true, NULL,
		  WP_ENDPOINT_none },
		{ "/api/auth/password", "POST", WP_ENDPOINT_auth_password,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/auth/password/reset", "POST",
		  WP_ENDPOINT_auth_password_reset, true, NULL,
		  WP_ENDPOINT_none },
		{ "/api/auth/recovery", "POST", WP_ENDPOINT_auth_recovery,
		  false, NULL, WP_ENDPOINT_none },
		{ "/api/auth/account/delete", "POST",
		  WP_ENDPOINT_auth_account_delete, false, NULL,
		  WP_ENDPOINT_none },
		{ "/healthz", "GET, HEAD", WP_ENDPOINT_healthz, true, NULL,
		  WP_ENDPOINT_none },
		{ "/readyz", "GET, HEAD", WP_ENDPOINT_readyz, true, NULL,
		  WP_ENDPOINT_none },
	};
	bool is_tried[WP_ENDPOINT_COUNT] = { false };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char allow[64], method[8];
		struct fake fake;

		(void)snprintf(method, sizeof(method), "%.*s",
			       (int)strcspn(cases[i].methods, ","),
			       cases[i].methods);
		ask(*state, &fake, method, cases[i].path);
		assert_int_equal(counted(*state), cases[i].id);
		assert_int_equal(fake_status(&fake) != 401, cases[i].is_open);
		fake_release(&fake);

		(void)snprintf(allow, sizeof(allow), "Allow: %s, OPTIONS",
			       cases[i].allow != NULL ? cases[i].allow
						      : cases[i].methods);
		ask(*state, &fake, "PATCH", cases[i].path);
		assert_int_equal(counted(*state), cases[i].allow != NULL
							  ? cases[i].first
							  : cases[i].id);
		assert_int_equal(fake_status(&fake), 405);
		assert_true(fake_has(&fake, allow));
		fake_release(&fake);
		is_tried[cases[i].id] = true;
	}
	for (size_t id = 0; id < WP_ENDPOINT_none; id++)
		assert_true(is_tried[id]);
}

static void nothing_is_normalised(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"/api",
		"/api/",
		"/api/send/",
		"//api/send",
		"/api//send",
		"/API/send",
		"/api/%73end",
		"/api/send;x",
		"/api/./send",
		"/api/sen",
		"/api/sendx",
		"/presence",
		"/ticket",
		"/api/healthz",
		"/send/batch/",
		"/healthz/",
		"/connect",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct fake fake;

		ask(*state, &fake, "POST", paths[i]);
		assert_int_equal(counted(*state), WP_ENDPOINT_none);
		assert_int_equal(fake_status(&fake), 404);
		fake_release(&fake);
	}
}

/* Each row has an id of its own, and a route for metrics. */
static void rows_are_what_is_counted(void **state)
{
	bool seen[WP_ENDPOINT_none] = { false };
	size_t n = 0;

#define SEE(name_, path_, alias_, methods_, ...)                           \
	do {                                                               \
		const int method = (methods_) & -(methods_);               \
		struct fake fake;                                          \
		ask(*state, &fake, wp_method_name((enum wp_method)method), \
		    path_);                                                \
		assert_int_equal(counted(*state), WP_ENDPOINT_##name_);    \
		assert_false(seen[WP_ENDPOINT_##name_]);                   \
		assert_int_not_equal(wp_route_of(WP_ENDPOINT_##name_),     \
				     WP_ROUTE_none);                       \
		seen[WP_ENDPOINT_##name_] = true;                          \
		n++;                                                       \
		fake_release(&fake);                                       \
	} while (0);
	WP_ENDPOINTS(SEE)
#undef SEE

	assert_int_equal(n, WP_ENDPOINT_none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_path_of_the_contract_leads_where_it_says),
		TEST(nothing_is_normalised),
		TEST(rows_are_what_is_counted),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}

/*
 * live.c - making the parts, and freeing them in the order that they need.
 */
#include "lib/live/live.h"

enum wp_err wp_live_init(struct wp_live *live,
			 const struct wp_registrar_setup *setup,
			 wp_poke_fn on_poke, struct wp_error *err)
{
	struct wp_registrar_setup whole = *setup;
	enum wp_err rc;

	live->conf = setup->rules.conf;
	live->hub = wp_hub_new((uint32_t)setup->conf->mailbox.partitions);
	if (live->hub == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	live->pokes = wp_pokes_new(setup->loop, live->hub, &setup->counts,
				   on_poke, setup->hooks.ctx);
	if (live->pokes == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_store_thread_start(&live->store, setup->loop, setup->conf, err);
	if (rc != WP_OK)
		return rc;
	whole.hub = live->hub;
	whole.pokes = live->pokes;
	rc = wp_registrar_new(&live->registrar, &whole, err);
	if (rc == WP_OK)
		wp_overload_start(&live->overload, setup->loop,
				  live->registrar);
	return rc;
}

void wp_live_release(struct wp_live *live)
{
	/* Callbacks that run now find their connections gone. */
	wp_store_thread_stop(&live->store);
	wp_overload_stop(&live->overload);
	wp_registrar_free(&live->registrar);
	wp_pokes_free(&live->pokes);
	wp_hub_free(&live->hub);
}

void wp_live_use(struct wp_live *live, const struct wp_registrar_rules *rules)
{
	live->conf = rules->conf;
	wp_registrar_use(live->registrar, rules);
}

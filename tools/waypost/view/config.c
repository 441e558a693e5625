/*
 * config.c - `waypost config show|diff|reference`.
 *
 * Secrets are read by nobody here: whoever may look at settings need not be who
 * may read those.
 */
#include "tools/waypost/view/config.h"

#include <string.h>
#include <unistd.h>

#include "lib/sys/conf_tell.h"
#include "lib/sys/sections/sections.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"

struct view {
	bool is_diff;
	struct wp_style style;
	struct wp_cli_table table;
	struct json_object *settings;
};

static void hear(void *ctx, const struct wp_conf_told *key)
{
	struct view *view = ctx;
	struct json_object *object;

	if (view->is_diff && !key->is_changed)
		return;
	wp_cli_table_text(&view->table, key->name);
	wp_cli_table_text(&view->table, key->value);
	if (key->is_changed && !view->is_diff)
		wp_cli_table_paint(&view->table, WP_BOLD);
	if (view->is_diff)
		wp_cli_table_text(&view->table, key->preset);
	object = json_object_new_object();
	wp_cli_add_text(&object, "key", key->name);
	wp_cli_add(&object, "value",
		   wp_cli_text(key->value, strlen(key->value)));
	wp_cli_add(&object, "default",
		   wp_cli_text(key->preset, strlen(key->preset)));
	wp_cli_add_bool(&object, "changed", key->is_changed);
	wp_cli_append(&view->settings, object);
}

static enum wp_err look(void *ctx, const struct wp_conf_load *load,
			struct wp_error *err)
{
	return wp_conf_tell(load, hear, ctx, err);
}

static enum wp_err put(struct view *view, bool is_json, struct wp_error *err)
{
	struct json_object *object = json_object_new_object();
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_cli_table_end(&view->table, &out);
	wp_cli_add(&object, "settings", view->settings);
	if (is_json) {
		wp_buf_clear(&out);
		wp_cli_put_object(&out, &object);
		wp_buf_add_char(&out, '\n');
	}
	json_object_put(object);
	return wp_cli_put_out(&out, err);
}

enum wp_err wp_cli_config(struct wp_program *program, struct wp_cli *cli,
			  struct wp_error *err)
{
	static const struct wp_column columns[] = {
		{ .title = "KEY" },
		{ .title = "VALUE" },
		{ .title = "DEFAULT" },
	};
	struct view view = {
		.is_diff = cli->args.command == WP_CLI_CONFIG_DIFF,
		.settings = json_object_new_array(),
	};
	struct wp_buf nothing;
	enum wp_err rc;

	wp_style_of(&view.style, STDOUT_FILENO, false);
	wp_cli_table_begin(&view.table, &view.style, columns,
			   view.is_diff ? 3 : 2);
	program->look = look;
	program->look_ctx = &view;
	rc = wp_program_load(program, &cli->conf, err);
	if (rc == WP_OK && !program->is_over)
		return put(&view, cli->args.is_json, err);
	wp_buf_init(&nothing, 0);
	wp_cli_table_end(&view.table, &nothing);
	wp_buf_release(&nothing);
	json_object_put(view.settings);
	return rc;
}

enum wp_err wp_cli_config_reference(const struct wp_cli_args *args,
				    struct wp_error *err)
{
	struct wp_buf out;
	enum wp_err rc;

	wp_buf_init(&out, 0);
	rc = wp_conf_write_reference(&out, wp_conf_sections, args->form, err);
	if (rc == WP_OK)
		rc = wp_cli_put_out(&out, err);
	wp_buf_release(&out);
	return rc;
}

/* A configuration file: what loads, loads again from what we print of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/conf_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wp_conf_program program = {
	.name = "fuzz",
	.sections = "log,redis,mailbox,auth,cors,handlers,worker,websocket,"
		    "presence,push,store",
};

static void begin(struct wp_conf_load *load, struct wp_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	memset(load, 0, sizeof(*load));
	load->conf = conf;
	for (size_t i = 0; i < wp_conf_keys_n; i++) {
		const char *text = wp_conf_keys[i].preset;

		if (wp_conf_set(conf, &wp_conf_keys[i],
				text != NULL ? text : "", NULL) != WP_OK)
			abort();
	}
}

static void end(struct wp_conf_load *load)
{
	for (size_t i = 0; i < WP_CONF_KEYS_MAX; i++)
		free(load->secret_path[i]);
	wp_conf_release(load->conf);
}

/* Secret files are not opened here, so production finds no secrets. */
static enum wp_err read_text(struct wp_conf_load *load, const char *text,
			     size_t len, struct wp_error *err)
{
	enum wp_err rc = wp_conf_read_yaml(load, "f", text, len, err);

	if (rc == WP_OK)
		rc = wp_conf_derive(load, err);
	if (rc == WP_OK)
		wp_conf_check(load->conf, &program, &rc, err);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_conf_load load, again;
	struct wp_conf conf, copy;
	struct wp_buf text, second;
	struct wp_error err = { 0 };

	begin(&load, &conf);
	begin(&again, &copy);
	wp_buf_init(&text, 0);
	wp_buf_init(&second, 0);
	if (read_text(&load, (const char *)data, size, &err) == WP_OK) {
		wp_conf_write_config(&text, &load);
		if (read_text(&again, text.data, text.len, &err) != WP_OK)
			abort();
		wp_conf_write_config(&second, &again);
		if (text.len != second.len ||
		    memcmp(text.data, second.data, text.len) != 0)
			abort();
	} else if (err.msg[0] == '\0') {
		abort();
	}
	wp_buf_release(&text);
	wp_buf_release(&second);
	end(&load);
	end(&again);
	return 0;
}

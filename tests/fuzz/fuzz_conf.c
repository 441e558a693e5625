/* A configuration file: what loads, loads again from what we print of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/sections/sections.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* It uses all there is, so that every rule is obeyed. */
static const struct wp_conf_program program = {
	.name = "fuzz",
	.known = wp_conf_sections,
	.sections = wp_conf_sections,
};

static void begin(struct wp_conf_load *load, struct wp_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	if (wp_conf_load_begin(load, conf, &program, NULL) != WP_OK)
		abort();
}

static void end(struct wp_conf_load *load)
{
	wp_conf_release(load->conf);
	wp_conf_load_end(load);
}

/* Secret files are not opened here, so production finds no secrets. */
static enum wp_err read_text(struct wp_conf_load *load, const char *text,
			     size_t len, struct wp_error *err)
{
	enum wp_err rc = wp_conf_read_yaml(load, "f", text, len, err);

	if (rc == WP_OK)
		wp_conf_judge(load, &rc, err);
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

/*
 * systemd.h - what systemd says of a unit, by `systemctl show`.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_SYSTEMD_H
#define WP_TOOLS_WAYPOST_DOCTOR_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

/* Does it run here? Source: sd_booted(3) */
bool wp_doctor_has_systemd(void);

/*
 * Ask for the properties of units.
 *
 * units:     names, or patterns of those that are loaded; ends with NULL
 * out:       lines "Property=value", a blank line between units
 * Returns:   false when it does not tell within 5 s
 */
bool wp_doctor_show(const char *const *units, const char *properties, char *out,
		    size_t room);

/*
 * The value of a property of the unit whose lines begin at text.
 *
 * Returns:  false when it is not there
 */
bool wp_doctor_property(const char *text, const char *name, char *out,
			size_t room);

#endif /* WP_TOOLS_WAYPOST_DOCTOR_SYSTEMD_H */

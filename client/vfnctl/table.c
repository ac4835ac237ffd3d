/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands there are. A new one is a file, its name below, and its place in the list. */
#include "config.h"

#include <string.h>

#include "client/vfnctl/vfnctl.h"

extern const struct command cmd_admin_passthru, cmd_attach_ns, cmd_bind, cmd_changed_ns_list_log,
	cmd_compare, cmd_create_ns, cmd_delete_ns, cmd_detach_ns, cmd_device_self_test, cmd_dsm,
	cmd_effects_log, cmd_error_log, cmd_events, cmd_flush, cmd_format, cmd_fw_commit,
	cmd_fw_download, cmd_fw_log, cmd_get_feature, cmd_get_log, cmd_id_ctrl, cmd_id_ns,
	cmd_id_ns_descs, cmd_info, cmd_io_passthru, cmd_list, cmd_list_ns, cmd_list_secondary,
	cmd_nvm_id_ns, cmd_raw, cmd_read, cmd_sanitize, cmd_sanitize_log, cmd_security_recv,
	cmd_security_send, cmd_self_test_log, cmd_set_feature, cmd_show_regs, cmd_smart_log,
	cmd_stats, cmd_top, cmd_unbind, cmd_verify, cmd_virt_mgmt, cmd_write, cmd_write_zeroes;

extern const struct command cmd_caps, cmd_interrupts;
extern const struct command cmd_bar_read, cmd_bar_write, cmd_config_read, cmd_config_write, cmd_doorbell;
extern const struct command cmd_trace;
extern const struct command cmd_claim, cmd_disable, cmd_enable, cmd_release, cmd_reset, cmd_shutdown,
	cmd_subsystem_reset;

const struct command *const command_table[] = {
	&cmd_list,
	&cmd_list_ns,
	&cmd_info,
	&cmd_show_regs,
	&cmd_id_ctrl,
	&cmd_id_ns,
	&cmd_id_ns_descs,
	&cmd_nvm_id_ns,
	&cmd_list_secondary,
	&cmd_smart_log,
	&cmd_error_log,
	&cmd_fw_log,
	&cmd_effects_log,
	&cmd_changed_ns_list_log,
	&cmd_self_test_log,
	&cmd_sanitize_log,
	&cmd_get_log,
	&cmd_get_feature,
	&cmd_set_feature,
	&cmd_read,
	&cmd_write,
	&cmd_compare,
	&cmd_write_zeroes,
	&cmd_verify,
	&cmd_dsm,
	&cmd_flush,
	&cmd_format,
	&cmd_create_ns,
	&cmd_delete_ns,
	&cmd_attach_ns,
	&cmd_detach_ns,
	&cmd_fw_download,
	&cmd_fw_commit,
	&cmd_device_self_test,
	&cmd_sanitize,
	&cmd_security_send,
	&cmd_security_recv,
	&cmd_virt_mgmt,
	&cmd_admin_passthru,
	&cmd_io_passthru,
	&cmd_events,
	&cmd_stats,
	&cmd_top,
	&cmd_trace,
	&cmd_bind,
	&cmd_unbind,
	&cmd_bar_read,
	&cmd_bar_write,
	&cmd_config_read,
	&cmd_caps,
	&cmd_interrupts,
	&cmd_config_write,
	&cmd_doorbell,
	&cmd_raw,
	&cmd_reset,
	&cmd_subsystem_reset,
	&cmd_disable,
	&cmd_shutdown,
	&cmd_enable,
	&cmd_claim,
	&cmd_release,
	NULL,
};

const struct command *table_find(const char *name)
{
	for (const struct command *const *c = command_table; *c; c++)
		if (strcmp((*c)->name, name) == 0 || ((*c)->alias && strcmp((*c)->alias, name) == 0))
			return *c;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include <config.h>

#include "daemon/config.h"
#include "daemon/device/command.h"
#include "daemon/rpc/rpc.h"
#include "proto/frame.h"

void rpc_hello(struct rpc_call *call)
{
	/* What a client cannot see by asking for it. */
	static char *const features[] = {
		(char *)"served-queues",
		(char *)"cancel",
		(char *)"trace",
		(char *)"buffer-options",
		(char *)"buffer-attach",
		(char *)"class-pci",
		(char *)"queue-priority",
	};
	const Vfnd__HelloRequest *req = call->request->hello;
	Vfnd__HelloAnswer hello = VFND__HELLO_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (session_version(call->session)) {
		rpc_fail(call, -EALREADY, "hello", "hello was said already");
		return;
	}
	if (req->version < 1) {
		rpc_fail(call, -EPROTONOSUPPORT, "hello.version", "versions count from 1");
		return;
	}
	hello.version = req->version < FRAME_VERSION ? req->version : FRAME_VERSION;
	hello.daemon = (char *)PACKAGE_STRING;
	hello.session = session_number(call->session);
	hello.max_message = FRAME_MAX;
	hello.max_inline = COMMAND_INLINE_MAX;
	hello.max_outstanding = rpc_host.devices->config->session_commands;
	hello.features = (char **)features;
	hello.n_features = sizeof(features) / sizeof(features[0]);
	session_greet(call->session, hello.version, req->program);
	answer.body_case = VFND__ANSWER__BODY_HELLO;
	answer.hello = &hello;
	rpc_answer(call, &answer, NULL);
}

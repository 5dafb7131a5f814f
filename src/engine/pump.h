/* pump.h - a stream read ahead by a thread of its own, so that one side of a copy does not wait for the other. */
#pragma once
#include "engine/engine.h"

/* Take `source` over (it is empty afterwards) and give a stream of the same batches. `session` is the one that the source
 * reads from: releasing before the end cancels what it does. At most a few batches wait, and few bytes. */
LT_MUST_CHECK lt_status lt_pump_start(lt_stream *source, lt_session *session, lt_stream *out,
                                      lt_err *err);

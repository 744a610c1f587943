// SPDX-License-Identifier: Apache-2.0
// What the verbs that run a pipeline do meanwhile: show progress and take signals.
// Not thread-safe: called on the main thread.
#pragma once
#include "runtime/pipeline.h"

namespace nek {

// Before any thread begins: all of them inherit the mask, and only these functions take signals.
void take_signals();

enum class End : uint8_t { kOrderly, kSecondSignal, kTimeout };

// Until the pipeline has ended; the first signal stops it in order, within shutdown_timeout.
End await_end(Pipeline& pipeline, bool quiet);

// Ends its threads and plugins, however long they take: a second signal is heard meanwhile too.
void shut_down(Pipeline& pipeline);

// What nobody has acknowledged when the time to stop is over.
void log_unacknowledged(const Pipeline& pipeline);

}  // namespace nek

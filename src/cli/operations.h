// Operations: long work that the daemon does; following one to its end.
#pragma once

#include "cli/context.h"
#include "cli/documents.h"

namespace bridle::cli {

enum class FollowEnd { succeeded, detached };

// Shows progress until the operation ends. An operation that failed or was cancelled is an error.
// Ctrl-C on a terminal asks: go on waiting, detach, or cancel the operation; elsewhere it detaches.
Result<FollowEnd> follow_operation(Context& context, const json::value& operation,
                                   Duration timeout);

}  // namespace bridle::cli

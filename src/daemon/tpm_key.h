// The keys that encrypt what virtual TPMs keep (ROOT/tpm/UUID, which bridled itself cannot read):
// one a machine, derived from a secret of this host's, state/tpm.key. That file is made at the
// first need, is bridled's alone, and is part of `bridle backup`.
//
// Blocking; runs as bridled's uid.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/ids.h"
#include "base/layout.h"
#include "base/random.h"
#include "base/result.h"

namespace bridle::daemon {

std::string tpm_secret_path(const Layout& layout);
// Nothing to do where it is there.
Status make_tpm_secret(const Layout& layout, Random& random);
// The machine's key, 32 bytes in a sealed memfd. Code::corrupt: the secret is not whole.
Result<Fd> tpm_key(const Layout& layout, const Uuid& machine);

}  // namespace bridle::daemon

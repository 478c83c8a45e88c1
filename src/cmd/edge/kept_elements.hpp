// What stays in the kernel although no object that can be read asks for it, while others cannot be
// read. Pure.
#pragma once

#include <memory>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/state/state.hpp"

namespace cmd {

struct Kept {
  core::State frame;  // what is planned, and the lists of sources of what is kept
  std::vector<core::Element> elements;
};

// Of `held`, what belongs to none of the planned forwards; not what follows from the host. `frame`
// is what is planned. What a planned forward had before is not kept: it would, for one, let in
// whom an allow list no longer names. Who is kept keeps his list, as without one all may connect.
Kept keep_unplanned(const core::Elements& held, const core::State& frame,
                    const std::vector<std::shared_ptr<const core::Forward>>& planned);

}  // namespace cmd

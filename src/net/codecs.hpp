// The codecs of all kinds in core/state/kinds.hpp.
#pragma once

#include "net/route/fou.hpp"
#include "net/route/link.hpp"
#include "net/route/nexthop.hpp"
#include "net/route/route.hpp"
#include "net/route/rule.hpp"
#include "net/sysctl_codec.hpp"

#include "core/state/sysctl.hpp"

namespace core {

std::string KindOf<Sysctl>::make(const Sysctl& sysctl) {
  return "sysctl -w " + sysctl.key + "=" + sysctl.value;
}

std::string KindOf<Sysctl>::replace(const Sysctl& now, const Sysctl& was) {
  return make(now) + (was.value.empty() ? "" : " (was " + was.value + ")");
}

}  // namespace core

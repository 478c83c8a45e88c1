#include "core/edge/claims/mapping_report.hpp"

namespace core {

std::string_view to_string(MappingReport::State state) {
  switch (state) {
    case MappingReport::State::active:
      return "active";
    case MappingReport::State::inactive:
      return "inactive";
    case MappingReport::State::degraded:
      return "degraded";
    case MappingReport::State::rejected:
      return "rejected";
  }
  return "";
}

}  // namespace core

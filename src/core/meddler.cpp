#include "core/meddler.hpp"

namespace core {

std::string to_string(const Meddler& meddler) {
  if (meddler.process.empty()) return "another program";
  const std::string name = '"' + meddler.process + '"';
  return meddler.pid == 0 ? name : name + " (pid " + std::to_string(meddler.pid) + ')';
}

}  // namespace core

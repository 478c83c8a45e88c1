#include "core/packet/expression.hpp"

#include <tuple>

namespace core::packet {
namespace {

auto dynset_members(const Dynset& one) {
  return std::tie(one.set, one.op, one.key, one.data, one.timeout, one.inverted);
}

}  // namespace

bool operator==(const Dynset& left, const Dynset& right) noexcept(false) {
  return dynset_members(left) == dynset_members(right) && left.expressions == right.expressions;
}

}  // namespace core::packet

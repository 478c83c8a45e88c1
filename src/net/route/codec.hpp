// How one kind of kernel object is read, made, altered and removed. Each kind of
// core/state/kinds.hpp has one codec, in a file of its own; net/codecs.hpp lists them. Not here:
// nftables (nft).
#pragma once

#include <memory>
#include <set>

#include "core/state/scope.hpp"
#include "core/state/state.hpp"
#include "net/netlink/request.hpp"

namespace net {

class Fou;

// What codecs talk through: to the namespace of the thread that made them.
class Sockets {
 public:
  Sockets();
  ~Sockets();

  RequestSocket route;
  Fou& fou();

 private:
  std::unique_ptr<Fou> fou_;
};

// What is read goes into `state`. Kinds are read in the order of their deletion: what refers to
// something before that.
struct Reading {
  Sockets& sockets;
  const core::Scope& scope;
  const core::State& expected;
  core::State& state;
  std::set<core::Family> foreign_fou = {};  // families in which others have tunnels within UDP
};

//   static void read(Reading&);                     what of the scope is there; throws core::Error
//   static Answer add(Sockets&, const T&);          is there: well
//   static Answer replace(Sockets&, const T& now);  where the kind has such a change
//   static Answer remove(Sockets&, const T&);       is gone: well
template <typename T>
struct Codec;

}  // namespace net

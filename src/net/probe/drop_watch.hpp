// Why the kernel threw packets away, anywhere on this host, where it may be asked (Linux 5.17 with
// BTF, CAP_BPF and CAP_PERFMON): the probe, or any. The program goes when its descriptors are
// closed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/observation.hpp"
#include "net/probe/drop_program.hpp"
#include "net/probe/watched_flow.hpp"
#include "os/fd.hpp"

namespace net::probe {

// `names`: of enum skb_drop_reason. Nothing where the bytes have no packet with the cookie.
// Without place.
std::optional<core::packet::DropEvent> read_drop(const DropRecord& record,
                                                 const core::packet::Cookie& cookie,
                                                 const std::map<std::uint32_t, std::string>& names);

// Of any packet; relation and inside are empty.
std::optional<core::packet::DropEvent> read_drop(const DropRecord& record,
                                                 const std::map<std::uint32_t, std::string>& names);

class DropWatch {
 public:
  // By the inodes of their namespaces.
  using Places = std::map<std::uint32_t, std::size_t>;
  // Of packets that have one of the needles, wherever they are. Throws core::Error, which says what
  // is missing.
  DropWatch(const std::vector<Needle>& needles, Places places);
  // Of all packets in these places. Throws likewise.
  explicit DropWatch(const Places& places);
  DropWatch(const DropWatch&) = delete;
  DropWatch& operator=(const DropWatch&) = delete;
  ~DropWatch();

  [[nodiscard]] int fd() const;
  // Gives each packet to `visit`, at most as many as the ring has room for.
  void drain(const std::function<void(const DropRecord&)>& visit);
  // How many found no room since the beginning.
  [[nodiscard]] std::uint64_t lost() const;
  // Nothing for packets without the cookie.
  [[nodiscard]] std::optional<core::packet::DropEvent> read(
      const DropRecord& record, const core::packet::Cookie& cookie) const;
  // Of any packet.
  [[nodiscard]] std::optional<core::packet::DropEvent> read(const DropRecord& record) const;

 private:
  class Ring;
  DropWatch(const DropFilter& filter, Places places);
  void complete(core::packet::DropEvent& event) const;

  Places places_;
  std::map<std::uint32_t, std::string> names_;
  core::packet::ObservedAt clock_offset_{};  // from CLOCK_MONOTONIC to CLOCK_REALTIME
  std::unique_ptr<Ring> ring_;
  os::Fd lost_;
  os::Fd program_;
  os::Fd attached_;
};

}  // namespace net::probe

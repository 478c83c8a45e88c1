// Why the kernel threw the probe away, anywhere on this host, where it may be asked (Linux 5.17
// with BTF, CAP_BPF and CAP_PERFMON). The program goes when its descriptors are closed.
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

class DropWatch {
 public:
  // `places`: by the inodes of their namespaces. Throws core::Error, which says what is missing.
  DropWatch(const std::vector<Needle>& needles, std::map<std::uint32_t, std::size_t> places);
  DropWatch(const DropWatch&) = delete;
  DropWatch& operator=(const DropWatch&) = delete;
  ~DropWatch();

  [[nodiscard]] int fd() const;
  // Gives each packet that has a needle to `visit`.
  void drain(const std::function<void(const DropRecord&)>& visit);
  // Nothing for packets without the cookie.
  [[nodiscard]] std::optional<core::packet::DropEvent> read(
      const DropRecord& record, const core::packet::Cookie& cookie) const;

 private:
  class Ring;

  std::map<std::uint32_t, std::size_t> places_;
  std::map<std::uint32_t, std::string> names_;
  core::packet::ObservedAt clock_offset_{};  // from CLOCK_MONOTONIC to CLOCK_REALTIME
  std::unique_ptr<Ring> ring_;
  os::Fd program_;
  os::Fd attached_;
};

}  // namespace net::probe

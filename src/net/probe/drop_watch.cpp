#include "net/probe/drop_watch.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "core/error.hpp"
#include "net/probe/bpf.hpp"

namespace net::probe {
namespace {

using core::packet::DropEvent;

constexpr std::uint32_t ring_size = 64 << 10;  // a power of 2, and of whole pages

[[noreturn]] void fail_watch(const std::string& what, int error) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + std::strerror(error));
}

std::map<std::uint32_t, std::string> reason_names(const Btf& btf) {
  constexpr std::string_view prefix = "SKB_DROP_REASON_";
  std::map<std::uint32_t, std::string> names = btf.enumerators("skb_drop_reason");
  for (auto& [number, name] : names) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  return names;
}

DropFilter words_of(const std::vector<Needle>& needles) {
  DropFilter filter;
  for (const Needle& needle : needles) filter.words.push_back(needle.word);
  return filter;
}

DropFilter networks_of(const DropWatch::Places& places) {
  DropFilter filter;
  for (const auto& [network, place] : places) filter.networks.push_back(network);
  return filter;
}

DropEvent what_was_dropped(const DropRecord& record,
                           const std::map<std::uint32_t, std::string>& names) {
  DropEvent event;
  event.reason = record.reason;
  if (const auto name = names.find(record.reason); name != names.end()) {
    event.reason_name = name->second;
  }
  event.network = record.network;
  event.interface = record.interface;
  event.packet = core::packet::parse_packet(record.bytes);
  event.time = std::chrono::nanoseconds(record.time);
  return event;
}

}  // namespace

std::optional<DropEvent> read_drop(const DropRecord& record,
                                   const std::map<std::uint32_t, std::string>& names) {
  DropEvent event = what_was_dropped(record, names);
  return event.packet ? std::optional(std::move(event)) : std::nullopt;
}

std::optional<DropEvent> read_drop(const DropRecord& record, const core::packet::Cookie& cookie,
                                   const std::map<std::uint32_t, std::string>& names) {
  const core::packet::ByteView bytes = record.bytes;
  const auto sighting = core::packet::find_cookie(bytes, cookie);
  if (!sighting) return std::nullopt;
  DropEvent event = what_was_dropped(record, names);
  event.relation = sighting->relation;
  if (sighting->offset != 0) {
    event.inside = core::packet::parse_packet(bytes.subspan(sighting->offset));
  }
  return event;
}

// BPF_MAP_TYPE_RINGBUF: two counters with a page each, and the data twice in a row, so that a
// record that runs over the end lies in one piece (kernel documentation, bpf/ringbuf).
class DropWatch::Ring {
 public:
  Ring() : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))), fd_(make()) {
    if (!fd_) fail_watch("no ring buffer of BPF", errno);
    ours_ = map(page_, PROT_READ | PROT_WRITE, 0);
    theirs_ = map(page_ + std::size_t{2} * ring_size, PROT_READ, static_cast<off_t>(page_));
    if (ours_ == nullptr || theirs_ == nullptr) {
      const int error = errno;
      unmap();
      fail_watch("no ring buffer of BPF", error);
    }
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { unmap(); }

  [[nodiscard]] int fd() const { return fd_.get(); }

  void drain(const std::function<void(const DropRecord&)>& visit) {
    std::atomic_ref<std::uint64_t> read(*reinterpret_cast<std::uint64_t*>(ours_));
    const std::atomic_ref<std::uint64_t> written(*reinterpret_cast<std::uint64_t*>(theirs_));
    std::uint64_t at = read.load(std::memory_order_relaxed);
    while (at < written.load(std::memory_order_acquire)) {
      std::uint8_t* record = theirs_ + page_ + (at & (ring_size - 1));
      const std::uint32_t header =
          std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(record))
              .load(std::memory_order_acquire);
      if ((header & BPF_RINGBUF_BUSY_BIT) != 0) break;
      const std::uint32_t size = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
      if (size == sizeof(DropRecord)) {
        DropRecord copy;
        std::memcpy(&copy, record + BPF_RINGBUF_HDR_SZ, sizeof copy);
        visit(copy);
      }
      at += (std::uint64_t{size} + BPF_RINGBUF_HDR_SZ + 7) & ~std::uint64_t{7};
      read.store(at, std::memory_order_release);
    }
  }

 private:
  static os::Fd make() {
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_RINGBUF;
    attributes.max_entries = ring_size;
    return os::Fd(call_bpf(BPF_MAP_CREATE, attributes));
  }
  [[nodiscard]] std::uint8_t* map(std::size_t size, int protection, off_t offset) const {
    void* address = mmap(nullptr, size, protection, MAP_SHARED, fd_.get(), offset);
    return address == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(address);
  }
  void unmap() const {
    if (ours_ != nullptr) munmap(ours_, page_);
    if (theirs_ != nullptr) munmap(theirs_, page_ + std::size_t{2} * ring_size);
  }

  std::size_t page_;
  os::Fd fd_;
  std::uint8_t* ours_ = nullptr;    // how far we have read
  std::uint8_t* theirs_ = nullptr;  // how far the kernel has written, and what
};

DropWatch::DropWatch(const std::vector<Needle>& needles, Places places)
    : DropWatch(words_of(needles), std::move(places)) {}

DropWatch::DropWatch(const Places& places) : DropWatch(networks_of(places), places) {}

DropWatch::DropWatch(const DropFilter& filter, Places places) : places_(std::move(places)) {
  const Btf btf = kernel_btf();
  names_ = reason_names(btf);
  const auto offsets = skb_offsets(btf);
  if (names_.empty() || !offsets) {
    throw core::Error(core::Error::Kind::permanent,
                      "this kernel gives no reasons, Linux 5.17 does");
  }
  ring_ = std::make_unique<Ring>();
  bpf_attr counter{};
  counter.map_type = BPF_MAP_TYPE_ARRAY;
  counter.key_size = sizeof(std::uint32_t);
  counter.value_size = sizeof(std::uint64_t);
  counter.max_entries = 1;
  lost_ = os::Fd(call_bpf(BPF_MAP_CREATE, counter));
  if (!lost_) fail_watch("no counter of BPF", errno);
  program_ = load_program(BPF_PROG_TYPE_RAW_TRACEPOINT,
                          drop_program(*offsets, filter, ring_->fd(), lost_.get()));
  if (!program_) fail_watch("cannot load a BPF program", errno);
  bpf_attr attributes{};
  attributes.raw_tracepoint.name = reinterpret_cast<std::uintptr_t>("kfree_skb");
  attributes.raw_tracepoint.prog_fd = static_cast<std::uint32_t>(program_.get());
  attached_ = os::Fd(call_bpf(BPF_RAW_TRACEPOINT_OPEN, attributes));
  if (!attached_) fail_watch("cannot attach to the tracepoint kfree_skb", errno);
  clock_offset_ = std::chrono::system_clock::now().time_since_epoch() -
                  std::chrono::steady_clock::now().time_since_epoch();
}

DropWatch::~DropWatch() = default;

int DropWatch::fd() const { return ring_->fd(); }

void DropWatch::drain(const std::function<void(const DropRecord&)>& visit) { ring_->drain(visit); }

std::uint64_t DropWatch::lost() const {
  const std::uint32_t key = 0;
  std::uint64_t value = 0;
  bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(lost_.get());
  attributes.key = reinterpret_cast<std::uintptr_t>(&key);
  attributes.value = reinterpret_cast<std::uintptr_t>(&value);
  return call_bpf(BPF_MAP_LOOKUP_ELEM, attributes) == 0 ? value : 0;
}

void DropWatch::complete(DropEvent& event) const {
  event.time += clock_offset_;
  if (const auto place = places_.find(event.network); place != places_.end()) {
    event.place = place->second;
  }
}

std::optional<DropEvent> DropWatch::read(const DropRecord& record,
                                         const core::packet::Cookie& cookie) const {
  auto event = read_drop(record, cookie, names_);
  if (event) complete(*event);
  return event;
}

std::optional<DropEvent> DropWatch::read(const DropRecord& record) const {
  auto event = read_drop(record, names_);
  if (event) complete(*event);
  return event;
}

}  // namespace net::probe

#include "support/apiserver/fault.hpp"

#include <algorithm>
#include <array>

#include "support/apiserver/fault_stream.hpp"
#include "support/apiserver/refusal.hpp"

namespace support::apiserver {
namespace {

constexpr std::string_view noise = "\x16\x03\xff{]\"garbage\x01\x7f\n";

class Spoiled : public Stream {
 public:
  Spoiled(State& state, std::optional<Fault> fault, std::shared_ptr<Lines> lines)
      : state_(state), fault_(std::move(fault)), lines_(std::move(lines)), read_at_(state.now()) {}

  Piece read() override {
    if (stalled_) return {};
    std::vector<std::string> lines = lines_->lines();
    Piece out;
    out.ended = lines_->ended();
    if (fault_) {
      strike(lines, out);
    } else {
      for (const std::string& line : lines) out.bytes += line;
    }
    if (fault_ && fault_->kind == Fault::Kind::drip) drip(out);
    return out;
  }

  [[nodiscard]] Time due() const override {
    if (stalled_) return Time::max();
    return waiting_.empty() ? lines_->due()
                            : std::min(lines_->due(), read_at_ + std::chrono::seconds(1));
  }

 private:
  // After fault_->after lines. What strikes once leaves the rest unsaid.
  void strike(std::vector<std::string>& lines, Piece& out) {
    if (fault_->kind == Fault::Kind::reorder && said_ >= fault_->after) {
      std::reverse(lines.begin(), lines.end());
    }
    // Silence and a broken connection need no event to show themselves.
    if (said_ >= fault_->after) {
      if (fault_->kind == Fault::Kind::drop) out.dropped = true;
      if (fault_->kind == Fault::Kind::stall) stalled_ = true;
      if (out.dropped || stalled_) {
        out.ended = false;
        return;
      }
    }
    for (const std::string& line : lines) {
      const bool due = said_++ >= fault_->after;
      switch (due ? fault_->kind : Fault::Kind::reorder) {
        case Fault::Kind::drop:
          out.dropped = true;
          return;
        case Fault::Kind::stall:
          stalled_ = true;
          out.ended = false;
          return;
        case Fault::Kind::truncate:
          out.bytes += line.substr(0, line.size() / 2);
          out.ended = true;
          return;
        case Fault::Kind::garbage:
          out.bytes += noise;
          out.ended = true;
          return;
        case Fault::Kind::duplicate:
          out.bytes += line + line;
          break;
        case Fault::Kind::empty:
          if (line.find("k8s.io/initial-events-end") != std::string::npos) listed_ = true;
          if (listed_) out.bytes += line;
          break;
        default:
          out.bytes += line;
      }
    }
  }

  void drip(Piece& out) {
    waiting_ += out.bytes;
    const auto passed =
        std::chrono::duration_cast<std::chrono::milliseconds>(state_.now() - read_at_);
    const auto allowance =
        static_cast<std::size_t>(std::max<std::int64_t>(passed.count(), 0)) * fault_->amount / 1000;
    out.bytes = waiting_.substr(0, allowance);
    waiting_.erase(0, out.bytes.size());
    if (allowance > 0) read_at_ = state_.now();
    out.ended = out.ended && waiting_.empty();
  }

  State& state_;
  std::optional<Fault> fault_;
  std::shared_ptr<Lines> lines_;
  std::size_t said_ = 0;
  std::string waiting_;
  Time read_at_;
  bool stalled_ = false;
  bool listed_ = false;  // what there was at the start has been said
};

// Of a list: the items turned around, each twice, or none.
void spoil_items(const Fault& fault, Response& response) {
  Json body = Json::parse(response.body, nullptr, false);
  Json* const items = body.is_object() ? find(body, "items") : nullptr;
  if (items == nullptr || !items->is_array()) return;
  if (fault.kind == Fault::Kind::reorder) {
    std::reverse(items->begin(), items->end());
  } else if (fault.kind == Fault::Kind::empty) {
    items->clear();
  } else {
    Json twice = Json::array();
    for (const Json& item : *items) twice.insert(twice.end(), {item, item});
    *items = std::move(twice);
  }
  response.body = body.dump() + "\n";
}

}  // namespace

std::optional<Fault::Kind> fault_kind(std::string_view name) {
  using Kind = Fault::Kind;
  static constexpr std::array<std::pair<std::string_view, Kind>, 11> names = {
      {{"drop", Kind::drop},
       {"stall", Kind::stall},
       {"garbage", Kind::garbage},
       {"busy", Kind::busy},
       {"error", Kind::error},
       {"unauthorized", Kind::unauthorized},
       {"drip", Kind::drip},
       {"truncate", Kind::truncate},
       {"duplicate", Kind::duplicate},
       {"reorder", Kind::reorder},
       {"empty", Kind::empty}}};
  for (const auto& [word, kind] : names) {
    if (word == name) return kind;
  }
  return std::nullopt;
}

std::optional<Fault> take_fault(State& state, const Call& call) {
  const std::string method = call.flag("watch") ? "WATCH" : call.request.method;
  for (auto fault = state.faults.begin(); fault != state.faults.end(); ++fault) {
    if (!fault->method.empty() && fault->method != method) continue;
    if (call.request.target.find(fault->path) == std::string::npos) continue;
    Fault taken = *fault;
    if (fault->times > 0 && --fault->times == 0) state.faults.erase(fault);
    return taken;
  }
  return std::nullopt;
}

void refuse_by_fault(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::busy: {
      Json status = status_object(429, "TooManyRequests",
                                  "The server has received too many requests and has asked us to "
                                  "try again later");
      status["details"] = {{"retryAfterSeconds", fault.amount}};
      throw Refusal(std::move(status));
    }
    case Fault::Kind::error:
      throw failure(500, "InternalError", "Internal error occurred: etcdserver: leader changed");
    case Fault::Kind::unauthorized:
      throw failure(401, "Unauthorized", "Unauthorized");
    default:
      return;
  }
}

void spoil(const Fault& fault, Response& response) {
  switch (fault.kind) {
    case Fault::Kind::drop:
      response.delivery.drop_after = fault.after;
      break;
    case Fault::Kind::stall:
      response.delivery.stall_after = fault.after;
      break;
    case Fault::Kind::drip:
      response.delivery.bytes_per_second = fault.amount;
      break;
    case Fault::Kind::garbage:
      response.delivery.garbage = noise;
      break;
    case Fault::Kind::truncate:
      response.body.resize(fault.after > 0 ? std::min(fault.after, response.body.size())
                                           : response.body.size() / 2);
      break;
    case Fault::Kind::duplicate:
    case Fault::Kind::reorder:
    case Fault::Kind::empty:
      spoil_items(fault, response);
      break;
    default:
      break;
  }
}

std::shared_ptr<Stream> with_fault(State& state, const Call& call, std::shared_ptr<Lines> lines) {
  return std::make_shared<Spoiled>(state, call.fault, std::move(lines));
}

}  // namespace support::apiserver

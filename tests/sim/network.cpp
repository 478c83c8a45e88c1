#include "sim/network.hpp"

#include <algorithm>
#include <utility>

namespace sim {
namespace {

using namespace std::chrono_literals;
using kube::Arrival;

}  // namespace

std::unique_ptr<Connection> Network::connect(const std::string& sender) {
  return std::make_unique<Connection>(*this, sender);
}

Time Network::latency(const std::string& sender) {
  Time at = now_ + (chance_.per_mille(faults.slow) ? chance_.between(1s, 20s)
                                                   : chance_.between(200us, 30ms));
  const auto held = held_.find(sender);
  if (held != held_.end() && held->second > now_) at = std::max(at, held->second + (at - now_));
  return at;
}

std::uint64_t Network::start(Connection& process, const std::string& sender,
                             kube::Request request) {
  Exchange& exchange = exchanges_[++last_];
  exchange.number = last_;
  exchange.sender = sender;
  exchange.process = &process;
  exchange.sent_until = latency(sender);
  trace_.say(now_, sender,
             "asks " + std::to_string(last_) + " " + request.method + " " + request.target);
  exchange.request = std::move(request);
  return last_;
}

void Network::cancel(Connection& process, std::uint64_t number) {
  std::erase_if(process.arrived, [&](const Arrival& one) { return one.request == number; });
  const auto found = exchanges_.find(number);
  if (found == exchanges_.end()) return;
  found->second.process = nullptr;
  // The request may be on its way; its answer goes nowhere.
  if (found->second.sent_until == never) exchanges_.erase(found);
}

void Network::forget(Connection& process) {
  for (auto& [number, exchange] : exchanges_) {
    if (exchange.process == &process) exchange.process = nullptr;
  }
  std::erase_if(exchanges_, [](const auto& item) {
    return item.second.process == nullptr && item.second.sent_until == never;
  });
}

Time Network::due(const Exchange& exchange) {
  if (exchange.sent_until != never) return exchange.sent_until;
  const Time back = exchange.back.empty() ? never : exchange.back.front().at;
  return std::min(back, exchange.silent ? never : exchange.read_at);
}

Time Network::due() const {
  Time due = never;
  for (const auto& [number, exchange] : exchanges_) due = std::min(due, Network::due(exchange));
  return due;
}

void Network::step() {
  // One of those that are due, so that no order between requests is certain.
  std::vector<std::uint64_t> ready;
  for (const auto& [number, exchange] : exchanges_) {
    if (due(exchange) <= now_) ready.push_back(number);
  }
  if (ready.empty()) return;
  const auto found = exchanges_.find(chance_.one_of(ready));
  Exchange& exchange = found->second;
  if (exchange.sent_until != never) {
    arrive(exchange);
  } else if (!exchange.back.empty() && exchange.back.front().at <= now_) {
    deliver(exchange);
  } else {
    read(exchange);
  }
  if (exchange.process == nullptr && exchange.sent_until == never) exchanges_.erase(found);
}

void Network::arrive(Exchange& exchange) {
  exchange.sent_until = never;
  exchange.last = now_;
  if (now_ < server_down_until_ || chance_.per_mille(faults.refuse)) {
    finish(exchange, "cannot connect");
    return;
  }
  if (chance_.per_mille(faults.lose)) {
    trace_.say(now_, "network", "loses request " + std::to_string(exchange.number));
    exchange.silent = true;
    return;
  }
  const kube::Request& request = exchange.request;
  const auto ask = [&] {
    return api_.ask(exchange.sender, request.method, request.target, request.content_type,
                    request.body);
  };
  auto response = ask();
  if (chance_.per_mille(faults.twice)) response = ask();
  if (chance_.per_mille(faults.lose_answer)) {
    finish(exchange, "the connection broke before the answer");
    return;
  }
  Arrival head{exchange.number, Arrival::Kind::head, response.status, {}, {}, {}};
  for (const auto& [name, value] : response.headers) {
    if (name == "retry-after") head.retry_after = std::chrono::seconds(std::stol(value));
  }
  const auto& delivery = response.delivery;
  if (!delivery.garbage.empty()) {
    finish(exchange, "what came is not a HTTP");
    return;
  }
  answer(exchange, std::move(head));
  if (response.stream) {
    exchange.stream = std::move(response.stream);
    exchange.read_at = now_;
    return;
  }
  if (delivery.drop_after || delivery.stall_after) {
    send_body(exchange, response.body.substr(
                            0, delivery.drop_after.value_or(delivery.stall_after.value_or(0))));
    if (delivery.drop_after) finish(exchange, "the connection broke");
    exchange.silent = true;
    return;
  }
  send_body(exchange, response.body);
  finish(exchange, "");
}

void Network::read(Exchange& exchange) {
  const auto piece = exchange.stream->read();
  exchange.read_at = std::max(api_.to_virtual(exchange.stream->due()), now_ + 1ms);
  send_body(exchange, piece.bytes);
  if (piece.ended || piece.dropped) finish(exchange, piece.dropped ? "the connection broke" : "");
}

// In up to three pieces.
void Network::send_body(Exchange& exchange, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size() && !exchange.silent;) {
    const bool rest = chance_.below(3) == 0 || exchange.back.size() > 3;
    const std::size_t size = rest ? bytes.size() - at : 1 + chance_.below(bytes.size() - at);
    answer(exchange, {exchange.number, Arrival::Kind::body, 0, {}, bytes.substr(at, size), {}});
    at += size;
    if (chance_.per_mille(faults.cut)) finish(exchange, "the connection broke");
    if (chance_.per_mille(faults.end)) finish(exchange, "");
    if (chance_.per_mille(faults.stall)) exchange.silent = true;
  }
}

void Network::answer(Exchange& exchange, Arrival arrival) {
  if (exchange.silent) return;
  exchange.last = std::max(exchange.last, latency(exchange.sender));
  exchange.back.push_back({exchange.last, std::move(arrival)});
}

void Network::finish(Exchange& exchange, std::string error) {
  answer(exchange, {exchange.number, Arrival::Kind::end, 0, {}, {}, std::move(error)});
  exchange.silent = true;
}

void Network::deliver(Exchange& exchange) {
  Arrival arrival = std::move(exchange.back.front().arrival);
  exchange.back.pop_front();
  trace_.add(std::to_string(exchange.number));
  trace_.add(arrival.bytes);
  const bool ended = arrival.kind == Arrival::Kind::end;
  if (!arrival.error.empty()) {
    trace_.say(now_, exchange.sender, std::to_string(exchange.number) + ": " + arrival.error);
  }
  if (exchange.process != nullptr) exchange.process->arrived.push_back(std::move(arrival));
  if (ended) exchange.process = nullptr;
}

void Network::notice() {
  if (revision_ == api_.server().revision()) return;
  revision_ = api_.server().revision();
  for (auto& [number, exchange] : exchanges_) {
    if (exchange.stream && !exchange.silent) {
      exchange.read_at = std::min(exchange.read_at, now_ + chance_.between(100us, 50ms));
    }
  }
}

void Network::stop_server(Time until) {
  server_down_until_ = until;
  for (auto& [number, exchange] : exchanges_) {
    const bool ends =
        !exchange.back.empty() && exchange.back.back().arrival.kind == Arrival::Kind::end;
    if (exchange.sent_until != never || ends) continue;
    // What is on its way may still arrive, or not. Who waits in vain learns that it does.
    if (chance_.below(2) == 0) exchange.back.clear();
    exchange.silent = false;
    finish(exchange, "the server went away");
  }
}

void Network::calm() {
  faults = {};
  held_.clear();
  server_down_until_ = {};
}

}  // namespace sim

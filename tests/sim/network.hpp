// What lies between the edges and the API server: requests and answers take their time, are lost,
// cut, doubled, held up. In order within one request, in no order between them. What a process has
// sent arrives also when the process is gone.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/transport.hpp"
#include "sim/api.hpp"

namespace sim {

// Per mille of what could be hit.
struct NetworkFaults {
  std::size_t refuse = 0;       // requests that find no connection
  std::size_t lose = 0;         // requests that arrive nowhere, and get no answer
  std::size_t lose_answer = 0;  // requests that are carried out, and the connection breaks
  std::size_t twice = 0;        // requests that are carried out twice
  std::size_t cut = 0;          // pieces of an answer after which the connection breaks
  std::size_t end = 0;          // likewise, and it looks like a good end
  std::size_t stall = 0;        // likewise, and nothing more comes
  std::size_t slow = 0;         // messages that take seconds
};

class Connection;

class Network {
 public:
  // All must outlive it.
  Network(Api& api, const Time& now, Chance& chance, Trace& trace)
      : api_(api), now_(now), chance_(chance), trace_(trace) {}

  // Of one process, for as long as it lives.
  std::unique_ptr<Connection> connect(const std::string& sender);

  // When the next message arrives somewhere.
  [[nodiscard]] Time due() const;
  void step();
  // Streams have something to say when the server's revision is another. Call it after each step.
  void notice();

  // Until then nothing gets through between this sender and the server.
  void hold(const std::string& sender, Time until) { held_[sender] = until; }
  // All connections break, and there are no new ones until then.
  void stop_server(Time until);
  // No more faults; what is stalled stays so.
  void calm();

  NetworkFaults faults;

 private:
  friend class Connection;

  struct Message {
    Time at{};
    kube::Arrival arrival;
  };
  // A request and what comes back.
  struct Exchange {
    std::uint64_t number = 0;
    std::string sender;
    kube::Request request;
    Connection* process = nullptr;  // null: gone, or no longer interested
    Time sent_until = never;        // when the request arrives; never: it has
    std::shared_ptr<support::apiserver::Stream> stream;
    Time read_at = never;  // of the stream
    Time last{};           // arrival of the last piece
    bool silent = false;   // nothing more arrives
    std::deque<Message> back;
  };

  std::uint64_t start(Connection& process, const std::string& sender, kube::Request request);
  void forget(Connection& process);
  void cancel(Connection& process, std::uint64_t number);
  void arrive(Exchange& exchange);
  void read(Exchange& exchange);
  void deliver(Exchange& exchange);
  void answer(Exchange& exchange, kube::Arrival arrival);
  void send_body(Exchange& exchange, const std::string& bytes);
  void finish(Exchange& exchange, std::string error);
  Time latency(const std::string& sender);
  [[nodiscard]] static Time due(const Exchange& exchange);

  Api& api_;
  const Time& now_;
  Chance& chance_;
  Trace& trace_;
  std::map<std::uint64_t, Exchange> exchanges_;
  std::map<std::string, Time> held_;
  Time server_down_until_{};
  std::uint64_t last_ = 0;
  std::uint64_t revision_ = 0;  // of the server, as the streams were told
};

class Connection : public kube::Transport {
 public:
  Connection(Network& network, std::string sender)
      : network_(network), sender_(std::move(sender)) {}
  ~Connection() override { network_.forget(*this); }

  std::uint64_t start(kube::Request request) override {
    if (look) look(request);
    return network_.start(*this, sender_, std::move(request));
  }
  void cancel(std::uint64_t request) override { network_.cancel(*this, request); }
  std::vector<kube::Arrival> take() override { return std::exchange(arrived, {}); }

  std::vector<kube::Arrival> arrived;
  // Called before a request is sent.
  std::function<void(const kube::Request&)> look;

 private:
  Network& network_;
  std::string sender_;
};

}  // namespace sim

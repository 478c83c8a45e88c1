#include "sim/edge.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "sim/source.hpp"
#include "sim/user.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds resync = 600s;

Steady to_steady(const Skew& skew, Time now) {
  return Steady(skew.start + std::chrono::nanoseconds(now) * skew.per_mille / 1000);
}

// When the steady clock shows this, or the first moment after.
Time to_virtual(const Skew& skew, Steady steady) {
  if (steady == Steady::max()) return never;
  const std::chrono::nanoseconds passed = steady.time_since_epoch() - skew.start;
  if (passed <= 0ns) return 0us;
  return std::chrono::ceil<Time>(passed * 1000 / skew.per_mille) + 1us;
}

}  // namespace

class Edge::Process {
 public:
  explicit Process(Edge& edge)
      : edge_(edge),
        around_(edge.around_),
        connection_(around_.network.connect(edge.name_)),
        client_(*connection_, {now(), unix_seconds(), chance()},
                {"sim", 50, "", edge.name_, "pona-system",
                 edge.name_ + "_" + std::to_string(++edge.lives_)}),
        source_(edge.name_, client_, around_),
        loop_(edge.kernel_, source_, settings(), resync, {now(), unix_seconds(), chance()}) {
    client_due_ = loop_due_ = soon();
    connection_->look = [this](const kube::Request& request) {
      check_sender(edge_.name_, client_.leading(), request);
    };
  }

  [[nodiscard]] Time due() const {
    const Time client =
        connection_->arrived.empty() ? client_due_ : std::min(client_due_, arrived_due_);
    return std::min(client, loop_due_);
  }

  void step() {
    const bool arrived = !connection_->arrived.empty() && arrived_due_ <= around_.now;
    if (client_due_ <= around_.now || arrived) {
      step_client();
    } else {
      step_loop();
    }
  }

  [[nodiscard]] bool leading() const { return client_.leading(); }
  void wake() { loop_due_ = std::min(loop_due_, soon()); }

  [[nodiscard]] const cmd::EdgeLoop& loop() const { return loop_; }
  [[nodiscard]] const std::vector<kube::Problem>& problems() const { return source_.known(); }

 private:
  std::function<Steady()> now() {
    return [this] { return to_steady(edge_.skew_, around_.now); };
  }
  std::function<std::int64_t()> unix_seconds() {
    return [this] {
      return edge_.skew_.unix_seconds +
             std::chrono::duration_cast<std::chrono::seconds>(around_.now).count();
    };
  }
  std::function<double()> chance() {
    return [this] {
      if (around_.options.sabotage == Sabotage::real_chance) {
        return std::uniform_real_distribution<double>()(real_);
      }
      return around_.chance.fraction();
    };
  }

  // Threads do not wake at once.
  Time soon() { return around_.now + around_.chance.between(10us, 2ms); }

  void step_client() {
    around_.trace.say(around_.now, edge_.name_, "client");
    source_.pass_report();
    client_.step();
    if (source_.publish()) wake();
    client_due_ = std::max(to_virtual(edge_.skew_, client_.due()), soon());
    arrived_due_ = soon();
  }

  void step_loop() {
    around_.trace.say(around_.now, edge_.name_, "loop");
    const Steady due = loop_.step();
    if (source_.has_report()) client_due_ = std::min(client_due_, soon());
    loop_due_ = std::max(to_virtual(edge_.skew_, due), soon());
    const cmd::EdgeHealth& health = loop_.health();
    // Without either there is nothing to look at that was not looked at before.
    const std::size_t changes = loop_.statistics().changes;
    if (std::exchange(changes_, changes) == changes && !source_.had_news()) return;
    if (health.synced && health.intact && health.trouble.empty() && health.last_sync != 0) {
      sim::check_content(edge_.name_, edge_.kernel_, loop_.plan());
    }
  }

  Edge& edge_;
  Surroundings& around_;
  std::random_device real_;
  std::unique_ptr<Connection> connection_;
  kube::ClusterClient client_;
  Source source_;
  cmd::EdgeLoop loop_;
  Time client_due_{};
  Time arrived_due_{};
  Time loop_due_{};
  std::size_t changes_ = 0;
};

Edge::Edge(Surroundings around, std::string name, const std::string& address, Skew skew,
           core::Elements untouched)
    : around_(around),
      name_(std::move(name)),
      skew_(skew),
      kernel_(around.options.sabotage),
      untouched_(name_, std::move(untouched)) {
  set_up(kernel_, address);
  around_.api.admit(name_);
  kernel_.look = [this](const support::FakeTables* before) { look(before); };
}

Edge::~Edge() = default;

core::EdgeSettings Edge::settings() {
  core::EdgeSettings settings;
  settings.external_interfaces = "^eth1$";
  return settings;
}

void Edge::set_up(support::FakeKernel& kernel, const std::string& address) {
  kernel.add_interface("eth1", {address + "/24", std::string(shared_address) + "/32"});
  kernel.edit_host([&](core::Host& host) {
    host.forwarding4 = true;
    // One is enough: it doubles what there is to compare.
    host.ipv6 = address.ends_with('3');
  });
  kernel.drain();
}

void Edge::look(const support::FakeTables* before) {
  untouched_.check(kernel_);
  if (before != nullptr) {
    check_refused(name_, kernel_, *before);
  } else if (process_) {
    check_batch(name_, kernel_, process_->loop().plan());
  }
}

void Edge::start() {
  around_.trace.say(around_.now, name_, "starts");
  if (around_.options.sabotage == Sabotage::fresh_start) {
    kernel_.tamper([](core::State& state) { state = {}; });
    look(nullptr);
  }
  process_ = std::make_unique<Process>(*this);
}

void Edge::kill(const std::string& how) {
  around_.trace.say(around_.now, name_, how);
  process_.reset();
  kernel_.let_live();
}

void Edge::run(const std::function<void()>& work) {
  try {
    work();
  } catch (const Killed&) {
    kill("is killed while it changes the kernel");
  } catch (const core::Error& error) {
    kill(std::string("ends: ") + error.what());
  }
}

bool Edge::leading() const { return process_ && process_->leading(); }

Time Edge::due() const { return process_ ? process_->due() : never; }

void Edge::step() {
  run([this] { process_->step(); });
}

void Edge::disturb_host() {
  disturbed_ = !disturbed_;
  around_.trace.say(around_.now, name_, disturbed_ ? "eth9 comes" : "eth9 goes");
  if (disturbed_) {
    kernel_.add_interface("eth9", {"192.0.2.9/24"});
  } else {
    kernel_.remove_interface("eth9");
  }
  if (process_) process_->wake();
}

bool Edge::is_content() const {
  if (!process_ || !untouched_.carried()) return false;
  const cmd::EdgeHealth& health = process_->loop().health();
  return health.synced && health.trouble.empty() && process_->problems().empty();
}

void Edge::check_content() const {
  if (!process_) throw Violation("rest", name_ + " does not run");
  const cmd::EdgeHealth& health = process_->loop().health();
  if (!health.synced) throw Violation("rest", name_ + " has not seen all objects");
  if (!health.trouble.empty()) throw Violation("rest", name_ + ": " + health.trouble);
  for (const kube::Problem& problem : process_->problems()) {
    throw Violation("rest", name_ + " still complains: " + problem.where + ": " + problem.reason);
  }
  if (!untouched_.carried()) {
    throw Violation("rest", name_ + " does not carry the untouched Mapping");
  }
}

}  // namespace sim

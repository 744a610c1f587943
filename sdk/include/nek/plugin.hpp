// SPDX-License-Identifier: Apache-2.0
// The C++20 layer over plugin.h: a plugin is a class, known by its members, registered by one line.
// It fills the C tables, keeps exceptions inside and makes parallel steps const.
// Thread-safety: members are called as plugin.h's marks say; what runs in parallel is const here.
//
// Members that are found, those in brackets where they exist:
//
//   all       T(Host, Config), or T(Host) without options
//             [Status setup(Shape&)]   checks the configuration, says what is read and made
//             [Status start(const Start&)]  [void stop()]  [const void* extension(const char* id)]
//             [Status control(Call&, const nek_control&)], with a constant uint32_t kControls
//             [void connect(Findings&, std::chrono::milliseconds wait)]  for `nek check --connect`
//             [void summary(Summary&) const]  tables for people, at the end of a run
//             [struct Lane]            a worker's scratch; made from a const T&, or from nothing
//   input     Status read(Chunk&, std::chrono::milliseconds wait)
//             [void committed(nek_source&, uint64_t position)]  [Progress progress() const]
//   decoder   Status decode(Call&, const nek_chunk&[, Lane&]) const
//             [size_t frame(std::string_view bytes, bool at_end) const]
//             [struct Source], with Status open(Source&, std::string_view head) const;
//             then frame takes a const Source& before the bytes
//             [static constexpr bool kTextsAreUtf8 = true]  the host need not look at them again
//   filter    Status process(Call&[, Lane&]) const  [Status commit(Call&)]
//   encoder   Status encode(Call&, Encoded&[, Lane&]) const  [std::string_view header() const]
//             [std::string_view record_end() const]
//   output    [Status encode(Call&, Encoded&[, Lane&]) const], and one of
//             Status write(std::span<const nek_encoded* const>)
//             Outcome deliver(std::span<const nek_record>)          waits for the answer
//             void send(nek_token*, std::span<const nek_record>)    answers by Host::complete()
#pragma once
#include <array>
#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "nek/batch.hpp"
#include "nek/config.hpp"
#include "nek/plugin.h"
#include "nek/services.hpp"
#include "nek/status.hpp"
#include "nek/text.hpp"

namespace nek {

// What `nek plugins` shows.
struct About {
  const char* name = "";
  const char* version = "";
  const char* vendor = "";
  const char* licence = "";
  const char* summary = "";              // one sentence
  const char* example = nullptr;         // its entry in a pipeline, as YAML
  const char* codec = nullptr;           // inputs, outputs: the default one
  const char* codec_defaults = nullptr;  // other defaults of its options: "{nulls: omit}"
  // The same, where they hang on the plugin's own options; see plugin.h.
  const char* (*codec_defaults_of)(const nek_value* config) = nullptr;
};

namespace detail {

template <class T>
struct Instance {
  template <class... Args>
  explicit Instance(const nek_host* host, Args&&... args)
      : host(host), plugin(std::forward<Args>(args)...) {}
  const nek_host* host;
  Shape shape;
  T plugin;
};

inline nek_status report(const nek_host* host, const Status& status) noexcept {
  if (!status.message().empty() || status.at()) {
    host->fail(host, status.code(), to_text(status.message()), status.at());
  }
  return status.code();
}
// Of the exception being handled; `say` gets its text.
template <class F>
auto with_exception_text(F&& say) noexcept {
  try {
    throw;
  } catch (const std::exception& e) {
    return say(to_text(e.what()));
  } catch (...) {
    return say(to_text("an exception of unknown type"));
  }
}
// The barrier: no exception crosses the C boundary.
template <class F>
nek_status guarded(const nek_host* host, F&& f) noexcept {
  try {
    return report(host, f());
  } catch (...) {
    return with_exception_text(
        [&](nek_text text) { return host->fail(host, NEK_FAIL, text, nullptr); });
  }
}

template <class T>
concept HasLane = requires { typename T::Lane; };
template <class T>
concept HasSource = requires { typename T::Source; };

// f(), or f(lane) where T has one.
template <class T, class F>
Status with_lane(nek_call* call, F&& f) {
  if constexpr (HasLane<T>) {
    return f(*static_cast<typename T::Lane*>(call->lane));
  } else {
    return f();
  }
}

// The C functions of a plugin class T.
template <class T, const auto& kOptions>
struct Thunks {
  using Config = typename std::remove_cvref_t<decltype(kOptions)>::Config;
  using Self = Instance<T>;
  static Self& instance(void* self) { return *static_cast<Self*>(self); }
  static T& plugin(void* self) { return instance(self).plugin; }
  static const T& shared(void* self) { return instance(self).plugin; }  // in parallel steps

  static std::unique_ptr<Self> make(const nek_host* host, const nek_value* value, Config config) {
    if constexpr (std::constructible_from<T, Host, Config>) {
      return std::make_unique<Self>(host, Host(host, value), std::move(config));
    } else {
      return std::make_unique<Self>(host, Host(host, value));
    }
  }
  static nek_status create(const nek_host* host, const nek_value* value, void** self) noexcept {
    return guarded(host, [&] {
      Config config;
      Status status = kOptions.bind(config, *value);
      if (!status.ok()) return status;
      auto made = make(host, value, std::move(config));
      if constexpr (requires { made->plugin.setup(made->shape); }) {
        status = made->plugin.setup(made->shape);
        if (!status.ok()) return status;
      }
      *self = made.release();
      return status;
    });
  }
  static const nek_shape* shape(void* self) noexcept { return &instance(self).shape.c(); }
  static nek_status start(void* self, const nek_start* start) noexcept {
    return guarded(instance(self).host, [&] { return plugin(self).start(Start(*start)); });
  }
  static void* lane_new(void* self) noexcept {
    void* lane = nullptr;
    (void)guarded(instance(self).host, [&] {
      using Lane = typename T::Lane;
      if constexpr (std::constructible_from<Lane, const T&>) {
        lane = std::make_unique<Lane>(shared(self)).release();
      } else {
        lane = std::make_unique<Lane>().release();
      }
      return Status();
    });
    return lane;
  }
  static void lane_free(void*, void* lane) noexcept {
    std::unique_ptr<typename T::Lane>(static_cast<typename T::Lane*>(lane)).reset();
  }
  static void stop(void* self) noexcept {
    (void)guarded(instance(self).host, [&] {
      plugin(self).stop();
      return Status();
    });
  }
  static void destroy(void* self) noexcept { std::unique_ptr<Self>(&instance(self)).reset(); }

  // Extensions.
  static nek_status control(void* self, nek_call* c, const nek_control* control) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return plugin(self).control(call, *control);
    });
  }
  static void progress(void* self, uint64_t* done, uint64_t* total) noexcept {
    (void)guarded(instance(self).host, [&] {
      const Progress progress = shared(self).progress();
      *done = progress.done;
      *total = progress.total;
      return Status();
    });
  }
  static nek_status connect(void* self, uint32_t wait_ms, void* to,
                            void (*tell)(void* to, int level, nek_text line)) noexcept {
    return guarded(instance(self).host, [&] {
      Findings findings(to, tell);
      plugin(self).connect(findings, std::chrono::milliseconds(wait_ms));
      return Status();
    });
  }
  static void summary(void* self, nek_summary* to) noexcept {
    (void)guarded(instance(self).host, [&] {
      Summary all(to);
      shared(self).summary(all);
      return Status();
    });
  }
  static const void* extension(void* self, const char* id) noexcept {
    const std::string_view wanted = id;
    if constexpr (requires { T::kControls; }) {
      static constexpr nek_control_extension kTable = {sizeof kTable, T::kControls, min_interval(),
                                                       control};
      if (wanted == NEK_CONTROL) return &kTable;
    }
    if constexpr (requires { shared(self).progress(); }) {
      static constexpr nek_progress_extension kTable = {sizeof kTable, progress};
      if (wanted == NEK_PROGRESS) return &kTable;
    }
    if constexpr (requires { &T::connect; }) {
      static constexpr nek_connect_extension kTable = {sizeof kTable, connect};
      if (wanted == NEK_CONNECT) return &kTable;
    }
    if constexpr (requires(Summary& all) { shared(self).summary(all); }) {
      static constexpr nek_summary_extension kTable = {sizeof kTable, summary};
      if (wanted == NEK_SUMMARY) return &kTable;
    }
    if constexpr (requires { shared(self).extension(id); }) return shared(self).extension(id);
    return nullptr;
  }
  static consteval uint32_t min_interval() {
    if constexpr (requires { T::kMinIntervalMs; }) return T::kMinIntervalMs;
    return 0;
  }

  // Inputs.
  static nek_status read(void* self, nek_chunk* c, uint32_t wait_ms) noexcept {
    return guarded(instance(self).host, [&] {
      Chunk chunk(c);
      return plugin(self).read(chunk, std::chrono::milliseconds(wait_ms));
    });
  }
  static void committed(void* self, nek_source* source, uint64_t position) noexcept {
    (void)guarded(instance(self).host, [&] {
      plugin(self).committed(*source, position);
      return Status();
    });
  }

  // Decoders.
  static nek_status source_open(void* self, nek_source* source, nek_text head) noexcept {
    return guarded(instance(self).host, [&] {
      auto state = std::make_unique<typename T::Source>();
      Status status = shared(self).open(*state, to_view(head));
      if (status.ok()) source->of_decoder = state.release();
      return status;
    });
  }
  static void source_close(void*, nek_source* source) noexcept {
    std::unique_ptr<typename T::Source>(static_cast<typename T::Source*>(source->of_decoder))
        .reset();
    source->of_decoder = nullptr;
  }
  static size_t frame(void* self, nek_source* source, nek_text bytes, bool at_end) noexcept {
    size_t whole = 0;
    (void)guarded(instance(self).host, [&] {
      if constexpr (HasSource<T>) {
        whole = shared(self).frame(*static_cast<const typename T::Source*>(source->of_decoder),
                                   to_view(bytes), at_end);
      } else {
        (void)source;
        whole = shared(self).frame(to_view(bytes), at_end);
      }
      return Status();
    });
    return whole;
  }
  static nek_status decode(void* self, nek_call* c, const nek_chunk* chunk) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return with_lane<T>(
          c, [&](auto&... lane) { return shared(self).decode(call, *chunk, lane...); });
    });
  }

  // Filters.
  static nek_status process(void* self, nek_call* c) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return with_lane<T>(c, [&](auto&... lane) { return shared(self).process(call, lane...); });
    });
  }
  static nek_status commit(void* self, nek_call* c) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      return plugin(self).commit(call);
    });
  }

  // Encoders and outputs.
  // The text of f(), or none where it throws.
  template <class F>
  static nek_text text_of(void* self, F&& f) noexcept {
    nek_text text{};
    const nek_status status = guarded(instance(self).host, [&] {
      text = to_text(f());
      return Status();
    });
    return status == NEK_OK ? text : nek_text{};
  }
  static nek_text header(void* self) noexcept {
    return text_of(self, [self] { return shared(self).header(); });
  }
  static nek_text record_end(void* self) noexcept {
    return text_of(self, [self] { return shared(self).record_end(); });
  }
  static nek_status encode(void* self, nek_call* c, const nek_text* before,
                           nek_encoded* out) noexcept {
    return guarded(c->host, [&] {
      Call call(c);
      Encoded encoded(c->host, out, before);
      return with_lane<T>(
          c, [&](auto&... lane) { return shared(self).encode(call, encoded, lane...); });
    });
  }
  static nek_status encode_output(void* self, nek_call* c, nek_encoded* out) noexcept {
    return encode(self, c, nullptr, out);
  }
  static nek_status write(void* self, const nek_encoded* const* blocks, uint32_t count) noexcept {
    return guarded(instance(self).host,
                   [&] { return plugin(self).write(std::span(blocks, count)); });
  }
  // An exception means that the token was not kept.
  static void send(void* self, nek_token* token, const nek_record* records,
                   uint32_t count) noexcept {
    const nek_host* host = instance(self).host;
    try {
      const auto all = std::span(records, count);
      if constexpr (requires { plugin(self).deliver(all); }) {
        Host(host, nullptr).complete(token, plugin(self).deliver(all));
      } else {
        plugin(self).send(token, all);
      }
    } catch (...) {
      with_exception_text([&](nek_text text) {
        nek_outcome again{};
        again.size = sizeof again;
        again.verdict = NEK_AGAIN;
        again.reason = text;
        host->complete(token, &again);
      });
    }
  }
};

template <class T, const auto& kOptions>
consteval nek_plugin describe(const About& about) {
  using To = Thunks<T, kOptions>;
  nek_plugin p{};
  p.size = sizeof p;
  p.name = about.name;
  p.version = about.version;
  p.vendor = about.vendor;
  p.licence = about.licence;
  p.summary = about.summary;
  p.example = about.example;
  p.codec = about.codec;
  p.codec_defaults = about.codec_defaults;
  p.codec_defaults_of = about.codec_defaults_of;
  p.options = kTable<kOptions>.data();
  p.create = To::create;
  p.shape = To::shape;
  if constexpr (requires(T t, Start s) { t.start(s); }) p.start = To::start;
  if constexpr (HasLane<T>) {
    p.lane_new = To::lane_new;
    p.lane_free = To::lane_free;
  }
  if constexpr (requires(T t) { t.stop(); }) p.stop = To::stop;
  p.destroy = To::destroy;
  p.extension = To::extension;
  return p;
}

template <class T, const auto& kOptions>
consteval nek_input input_table() {
  using To = Thunks<T, kOptions>;
  nek_input table{sizeof(nek_input), To::read, nullptr};
  if constexpr (requires(T t, nek_source& s) { t.committed(s, uint64_t{}); })
    table.committed = To::committed;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_decoder decoder_table() {
  using To = Thunks<T, kOptions>;
  nek_decoder table{sizeof(nek_decoder), nullptr, nullptr, nullptr, To::decode, false};
  if constexpr (HasSource<T>) {
    table.source_open = To::source_open;
    table.source_close = To::source_close;
  }
  if constexpr (requires { &T::frame; }) table.frame = To::frame;
  if constexpr (requires { T::kTextsAreUtf8; }) table.texts_are_utf8 = T::kTextsAreUtf8;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_filter filter_table() {
  using To = Thunks<T, kOptions>;
  nek_filter table{sizeof(nek_filter), To::process, nullptr};
  if constexpr (requires(T t, Call& call) { t.commit(call); }) table.commit = To::commit;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_encoder encoder_table() {
  using To = Thunks<T, kOptions>;
  nek_encoder table{sizeof(nek_encoder), nullptr, To::encode, nullptr};
  if constexpr (requires(const T& t) { t.header(); }) table.header = To::header;
  if constexpr (requires(const T& t) { t.record_end(); }) table.record_end = To::record_end;
  return table;
}
template <class T, const auto& kOptions>
consteval nek_output output_table() {
  using To = Thunks<T, kOptions>;
  constexpr bool kWrites =
      requires(T t, std::span<const nek_encoded* const> blocks) { t.write(blocks); };
  constexpr bool kSends = requires { &T::send; } || requires { &T::deliver; };
  static_assert(kWrites != kSends, "an output has exactly one of write, deliver and send");
  nek_output table{sizeof(nek_output), nullptr, nullptr, nullptr};
  if constexpr (requires { &T::encode; }) table.encode = To::encode_output;
  if constexpr (kWrites) table.write = To::write;
  if constexpr (kSends) table.send = To::send;
  return table;
}
template <class T, const auto& kOptions>
inline constexpr nek_input kInput = input_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_decoder kDecoder = decoder_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_filter kFilter = filter_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_encoder kEncoder = encoder_table<T, kOptions>();
template <class T, const auto& kOptions>
inline constexpr nek_output kOutput = output_table<T, kOptions>();

template <const auto& kPlugins>
inline constexpr auto kPluginList = std::apply(
    [](const auto&... p) {
      return std::array<const nek_plugin*, sizeof...(p) + 1>{&p..., nullptr};
    },
    kPlugins);
template <const auto& kPlugins>
const void* get_factory(const char* id) noexcept {
  return std::string_view(id) == NEK_PLUGINS
             ? static_cast<const void*>(kPluginList<kPlugins>.data())
             : nullptr;
}

}  // namespace detail

// Plugin classes as nek_plugin, for NEK_EXPORT_PLUGINS; kOptions: what options() returned, a
// constant of the namespace.
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin input(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.input = &detail::kInput<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin decoder(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.decoder = &detail::kDecoder<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin filter(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.filter = &detail::kFilter<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin encoder(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.encoder = &detail::kEncoder<T, kOptions>;
  return p;
}
template <class T, const auto& kOptions = kNoOptions>
consteval nek_plugin output(const About& about) {
  nek_plugin p = detail::describe<T, kOptions>(about);
  p.output = &detail::kOutput<T, kOptions>;
  return p;
}

// Once in a shared object, outside of namespaces: its plugins, and the only symbol that it exports.
#define NEK_EXPORT_PLUGINS(...)                                                   \
  namespace {                                                                     \
  constexpr auto nek_exported_plugins = std::to_array<nek_plugin>({__VA_ARGS__}); \
  }                                                                               \
  const nek_entry nek_plugin_entry = {sizeof(nek_entry), NEK_ABI,                 \
                                      nek::detail::get_factory<nek_exported_plugins>}

}  // namespace nek

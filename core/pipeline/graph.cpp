// SPDX-License-Identifier: Apache-2.0
#include "pipeline/graph.h"

#include <algorithm>
#include <map>
#include <ranges>

#include "pipeline/host_columns.h"
#include "pipeline/suggest.h"

namespace nek {
namespace {

const nek_shape& shape_of(const nek_shape* shape) { return shape ? *shape : kNoShape; }

const char* type_name(uint32_t type) {
  switch (type) {
    case NEK_BOOL: return "bool";
    case NEK_INT64: return "int64";
    case NEK_UINT64: return "uint64";
    case NEK_DOUBLE: return "double";
    case NEK_TIME: return "time";
    case NEK_TEXT: return "text";
    case NEK_JSON: return "JSON";
    case NEK_LIST: return "list";
    case NEK_DICT_TEXT: return "dictionary of text";
    case NEK_DICT_LIST: return "dictionary of lists";
    default: return "unknown";
  }
}

std::string type_names(uint32_t bits) {
  std::string out;
  for (uint32_t type = NEK_BOOL; type <= NEK_DICT_LIST; type++)
    if (bits & NEK_TYPE_BIT(type))
      out += (out.empty() ? "" : " or ") + std::string(type_name(type));
  return out;
}

void add_names(ColumnSet& to, const ColumnSet& from) {
  to.all |= from.all;
  std::vector<std::string> merged;
  std::set_union(to.names.begin(), to.names.end(), from.names.begin(), from.names.end(),
                 std::back_inserter(merged));
  to.names = std::move(merged);
}

// A column as it is known where a component reads.
struct Maker {
  uint32_t component;
  nek_type type;
  bool operator==(const Maker&) const = default;
};
struct Made {
  std::vector<Maker> makers;  // several where streams come together
  bool everywhere = true;     // false: some of the streams that come together lack it
};
struct Columns {
  bool open = false;  // there are more, known only when records come
  std::map<std::string, Made, std::less<>> made;
};

class GraphBuilder {
 public:
  GraphBuilder(const PipelineConfig& config, std::span<const ComponentShape> shapes,
               Diagnostics& diagnostics)
      : components_(config.components),
        strict_(config.settings.strict),
        shapes_(shapes),
        diagnostics_(diagnostics) {}

  std::optional<Graph> build() {
    const size_t errors = diagnostics_.error_count();
    make_nodes();
    for (uint32_t i = 0; i < components_.size(); i++) resolve_sources(i);
    if (diagnostics_.error_count() > errors || !order_steps()) return std::nullopt;
    connect_readers();
    make_columns();
    if (diagnostics_.error_count() > errors) return std::nullopt;
    find_needed();
    warn_unread();
    return std::move(graph_);
  }

 private:
  using StreamRef = std::pair<uint32_t, uint32_t>;

  Place place_of(uint32_t component) const {
    return {components_[component].line, components_[component].column};
  }
  const std::string& id(uint32_t component) const { return components_[component].id; }
  void error(Place place, uint32_t component, const std::string& text) {
    diagnostics_.error(place, id(component) + ": " + text);
  }

  // The shape that declares a component's streams: an input's are its decoder's.
  const nek_shape& stream_shape(uint32_t i) const {
    return shape_of(components_[i].kind == Kind::kInput ? shapes_[i].codec : shapes_[i].plugin);
  }
  const nek_stream& stream_of(StreamRef ref) const {
    return stream_shape(ref.first).streams[ref.second];
  }

  void make_nodes() {
    graph_.nodes.resize(components_.size());
    for (uint32_t i = 0; i < components_.size(); i++) {
      if (components_[i].kind == Kind::kOutput) continue;
      const nek_shape& shape = stream_shape(i);
      for (uint32_t s = 0; s < shape.stream_count; s++)
        graph_.nodes[i].streams.push_back({shape.streams[s].name, shape.streams[s].kind, {}, {}});
      if (shape.stream_count == 0) error(place_of(i), i, "the plugin declares no stream");
    }
  }

  // ---- who reads what

  std::vector<std::string> stream_names(uint32_t component) const {
    std::vector<std::string> names;
    for (const Graph::Stream& stream : graph_.nodes[component].streams)
      names.push_back(id(component) + "." + stream.name);
    return names;
  }

  void resolve_sources(uint32_t reader) {
    for (const From& from : components_[reader].from) {
      const std::optional<uint32_t> stream = find_stream(reader, from);
      if (!stream) continue;
      auto& sources = graph_.nodes[reader].sources;
      const StreamRef ref{from.component, *stream};
      if (std::find(sources.begin(), sources.end(), ref) != sources.end()) continue;
      sources.push_back(ref);
      const auto& streams = graph_.nodes[from.component].streams;
      graph_.nodes[reader].source_names.push_back(
          streams.size() == 1 ? id(from.component) : stream_names(from.component)[*stream]);
    }
  }

  std::optional<uint32_t> find_stream(uint32_t reader, const From& from) {
    const auto& streams = graph_.nodes[from.component].streams;
    const Place place{from.line, from.column};
    if (from.stream.empty()) {
      if (streams.size() == 1) return 0;
      if (!streams.empty())
        error(place, reader,
              in_quotes(id(from.component)) +
                  " has several streams; say by 'from' which to read: " +
                  join_names(stream_names(from.component)));
      return std::nullopt;
    }
    for (uint32_t s = 0; s < streams.size(); s++)
      if (streams[s].name == from.stream) return s;
    error(place, reader,
          in_quotes(id(from.component)) + " has no stream " + in_quotes(from.stream) +
              did_you_mean(id(from.component) + "." + from.stream, stream_names(from.component)));
    return std::nullopt;
  }

  // ---- order

  // Depth first along the sources, in file order; a component met again on the way is a cycle.
  bool order_steps() {
    state_.assign(components_.size(), State::kNew);
    for (uint32_t i = 0; i < components_.size(); i++)
      if (!visit(i)) return false;
    return true;
  }

  bool visit(uint32_t i) {
    if (state_[i] == State::kDone) return true;
    if (state_[i] == State::kOpen) {
      report_cycle(i);
      return false;
    }
    state_[i] = State::kOpen;
    path_.push_back(i);
    for (const StreamRef& source : graph_.nodes[i].sources)
      if (!visit(source.first)) return false;
    path_.pop_back();
    state_[i] = State::kDone;
    if (components_[i].kind != Kind::kInput) graph_.steps.push_back(i);
    return true;
  }

  // `path_` goes from readers to what they read; records flow the other way. The place is that of a
  // `from` somebody wrote: there is one, as defaults only look back.
  void report_cycle(uint32_t again) {
    const std::vector<uint32_t> cycle(std::find(path_.begin(), path_.end(), again), path_.end());
    std::string text = id(again);
    for (uint32_t i : std::views::reverse(cycle)) text += " → " + id(i);
    for (size_t i = 0; i < cycle.size(); i++) {
      const uint32_t reader = cycle[i], source = i + 1 < cycle.size() ? cycle[i + 1] : again;
      for (const From& from : components_[reader].from) {
        const Place place{from.line, from.column};
        if (from.component != source || place == place_of(reader)) continue;
        return error(place, reader, "'from' makes a cycle: " + text);
      }
    }
  }

  void connect_readers() {
    for (uint32_t reader : graph_.steps)
      for (const auto& [component, stream] : graph_.nodes[reader].sources)
        graph_.nodes[component].streams[stream].readers.push_back(reader);
  }

  // ---- columns, with the records

  void make_columns() {
    columns_.resize(components_.size());
    for (uint32_t i = 0; i < components_.size(); i++)
      if (components_[i].kind == Kind::kInput) make_input_columns(i);
    for (uint32_t i : graph_.steps) {
      const Columns available = join_sources(i);
      check_reads(i, shape_of(shapes_[i].plugin), available);
      check_reads(i, shape_of(shapes_[i].codec), available);
      for (uint32_t s = 0; s < graph_.nodes[i].streams.size(); s++) {
        const bool derived = graph_.nodes[i].streams[s].kind == NEK_DERIVED;
        columns_[i].push_back(add_columns(i, stream_of({i, s}), derived ? Columns{} : available));
      }
    }
  }

  // An input's own stream, where it declares one, holds the columns of its segments (a message's
  // key, time).
  void make_input_columns(uint32_t i) {
    Columns columns = add_columns(i, stream_of({i, 0}), {});
    const nek_shape& input = shape_of(shapes_[i].plugin);
    if (input.stream_count > 0) {
      if (NEK_HAS(&input, once) && input.once && components_[i].spool.max_bytes > 0)
        error(place_of(i), i, kColumnsAndSpool);
      columns = add_columns(i, input.streams[0], std::move(columns));
    }
    columns_[i].push_back(std::move(columns));
  }

  // A column takes the place of one of the same name that the component reads; any other is a
  // clash.
  Columns add_columns(uint32_t i, const nek_stream& stream, Columns columns) {
    if (stream.kind == NEK_DERIVED && !stream.adds) columns.open = true;
    for (uint32_t c = 0; stream.adds && c < stream.add_count; c++) {
      const nek_field& field = stream.adds[c];
      const auto [at, fresh] = columns.made.insert({field.name, {}});
      const uint32_t first = fresh ? i : at->second.makers[0].component;
      if (!fresh && (first == i || !reads(i, field.name))) {
        const std::string who =
            first == i ? "it makes twice" : in_quotes(id(first)) + " makes before it";
        error(place_of(i), i, "adds column " + in_quotes(field.name) + ", which " + who);
      }
      at->second = {{{i, field.type}}, true};
    }
    return columns;
  }

  bool reads(uint32_t i, std::string_view column) const {
    const nek_shape& shape = shape_of(shapes_[i].plugin);
    return std::any_of(shape.reads, shape.reads + shape.need_count,
                       [column](const nek_need& need) { return need.name == column; });
  }

  Columns join_sources(uint32_t i) const {
    const auto& sources = graph_.nodes[i].sources;
    if (sources.empty()) return {};
    Columns all = columns_of(sources[0]);
    for (size_t s = 1; s < sources.size(); s++) join(all, columns_of(sources[s]));
    return all;
  }
  const Columns& columns_of(StreamRef ref) const { return columns_[ref.first][ref.second]; }

  // What an open stream lacks it may still bring.
  static void join(Columns& all, const Columns& other) {
    for (auto& [name, made] : all.made)
      if (!other.open && !other.made.contains(name)) made.everywhere = false;
    for (const auto& [name, made] : other.made) {
      const auto [at, fresh] = all.made.insert({name, made});
      if (fresh) {
        at->second.everywhere = made.everywhere && all.open;
      } else {
        add_makers(at->second.makers, made.makers);
        at->second.everywhere &= made.everywhere;
      }
    }
    all.open |= other.open;
  }

  static void add_makers(std::vector<Maker>& to, const std::vector<Maker>& from) {
    for (const Maker& maker : from)
      if (std::find(to.begin(), to.end(), maker) == to.end()) to.push_back(maker);
  }

  void check_reads(uint32_t i, const nek_shape& shape, const Columns& available) {
    for (uint32_t r = 0; r < shape.need_count; r++) {
      const nek_need& need = shape.reads[r];
      const auto found = available.made.find(std::string_view(need.name));
      const HostColumn* own = host_column(need.name);
      if (own && found == available.made.end()) {
        check_type(i, need, "nek", own->type);
        continue;
      }
      if (found == available.made.end()) {
        if (!available.open) report_absent(i, need, available);
        continue;
      }
      const Made& made = found->second;
      if (!need.optional && !made.everywhere)
        error(place_of(i), i,
              "reads column " + in_quotes(need.name) +
                  ", which only some of the streams that come together before it have");
      for (const Maker& maker : made.makers)
        check_type(i, need, in_quotes(id(maker.component)), maker.type);
    }
  }

  void check_type(uint32_t i, const nek_need& need, const std::string& maker, nek_type type) {
    if (!(need.types & NEK_TYPE_BIT(type)))
      error(place_of(i), i,
            "reads column " + in_quotes(need.name) + " as " + type_names(need.types) + ", but " +
                maker + " makes it " + type_name(type));
  }

  // What an output may do without it was told to write all the same: by a name that may be wrong.
  // Filters may do without what they look for by themselves.
  void report_absent(uint32_t i, const nek_need& need, const Columns& available) {
    if (need.optional && components_[i].kind != Kind::kOutput) return;
    std::vector<std::string> names;
    names.reserve(available.made.size() + std::size(kHostColumns));
    for (const auto& entry : available.made) names.push_back(entry.first);
    const bool is_like_ours = std::string_view(need.name).starts_with("nek.");
    for (const HostColumn& column : kHostColumns)
      if (is_like_ours) names.emplace_back(column.name);
    const std::string column = "column " + in_quotes(need.name) + ", which nobody makes before it",
                      other = did_you_mean(need.name, names);
    if (!need.optional) return error(place_of(i), i, "reads " + column + other);
    diagnostics_.warning(place_of(i),
                         id(i) + ": writes " + column + ": it is null in all records" + other);
  }

  // ---- columns that are needed, against the records

  void find_needed() {
    for (uint32_t i : std::views::reverse(graph_.steps)) {
      const ColumnSet needed = needed_by(i);
      for (const auto& [component, stream] : graph_.nodes[i].sources)
        add_names(graph_.nodes[component].streams[stream].needed, needed);
    }
    for (uint32_t i = 0; i < components_.size(); i++) graph_.nodes[i].wanted = wanted_of(i);
  }

  // What a component reads itself, and what is read of its records further down and not made by it.
  ColumnSet needed_by(uint32_t i) const {
    ColumnSet needed;
    for (const nek_shape* shape : {shapes_[i].plugin, shapes_[i].codec}) {
      if (!shape) continue;
      needed.all |= shape->reads_all;
      for (uint32_t r = 0; r < shape->need_count; r++)
        if (!host_column(shape->reads[r].name)) needed.names.emplace_back(shape->reads[r].name);
    }
    sort_unique(needed.names);
    for (uint32_t s = 0; s < graph_.nodes[i].streams.size(); s++) {
      const Graph::Stream& stream = graph_.nodes[i].streams[s];
      if (stream.kind == NEK_DERIVED) continue;
      ColumnSet passed = stream.needed;
      const std::vector<std::string> added = added_names(stream_of({i, s}));
      std::erase_if(passed.names, [&added](const std::string& name) {
        return std::binary_search(added.begin(), added.end(), name);
      });
      add_names(needed, passed);
    }
    return needed;
  }

  // Of what a component makes, what is read; all where the names are not known before.
  ColumnSet wanted_of(uint32_t i) const {
    ColumnSet wanted;
    wanted.all = strict_ && components_[i].kind == Kind::kInput;
    for (uint32_t s = 0; s < graph_.nodes[i].streams.size(); s++) {
      const Graph::Stream& read = graph_.nodes[i].streams[s];
      const nek_stream& stream = stream_of({i, s});
      const bool open = stream.kind == NEK_DERIVED && !stream.adds;
      if (open) {
        add_names(wanted, read.needed);
        continue;
      }
      for (const std::string& name : added_names(stream))
        if (read.needed.contains(name)) wanted.names.push_back(name);
    }
    sort_unique(wanted.names);
    return wanted;
  }

  static std::vector<std::string> added_names(const nek_stream& stream) {
    std::vector<std::string> names;
    for (uint32_t c = 0; stream.adds && c < stream.add_count; c++)
      names.emplace_back(stream.adds[c].name);
    sort_unique(names);
    return names;
  }

  static void sort_unique(std::vector<std::string>& names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
  }

  // Where a stream with all records is read, the others hold nothing that is lost.
  static bool reads_all_records(const std::vector<Graph::Stream>& streams) {
    return std::any_of(streams.begin(), streams.end(), [](const Graph::Stream& stream) {
      return stream.kind == NEK_PASS && !stream.readers.empty();
    });
  }

  void warn_unread() {
    for (uint32_t i = 0; i < components_.size(); i++) {
      const auto& streams = graph_.nodes[i].streams;
      if (reads_all_records(streams)) continue;
      for (const Graph::Stream& stream : streams) {
        if (!stream.readers.empty()) continue;
        diagnostics_.warning(
            place_of(i),
            id(i) + (streams.size() == 1 ? ": nobody reads what it makes"
                                         : ": nobody reads stream " + in_quotes(stream.name)));
      }
    }
  }

  enum class State : uint8_t { kNew, kOpen, kDone };

  const std::vector<ComponentConfig>& components_;
  const bool strict_;
  std::span<const ComponentShape> shapes_;
  Diagnostics& diagnostics_;
  Graph graph_;
  std::vector<State> state_;
  std::vector<uint32_t> path_;
  std::vector<std::vector<Columns>> columns_;  // of each component's streams
};

}  // namespace

bool ColumnSet::contains(std::string_view name) const {
  return all || std::binary_search(names.begin(), names.end(), name);
}

std::optional<Graph> make_graph(const PipelineConfig& config,
                                std::span<const ComponentShape> shapes, Diagnostics& diagnostics) {
  return GraphBuilder(config, shapes, diagnostics).build();
}

}  // namespace nek

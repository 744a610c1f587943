/* SPDX-License-Identifier: Apache-2.0
 * nek/plugin.h: the contract between nek and a plugin. C11, 64-bit, includes nothing of nek.
 *
 * STATES   create -> shape -> start -> (steps) -> stop -> destroy; each at most once.
 * THREADS  the last bracket at every function says who calls it, and in which state:
 *   [main-thread]    the thread that builds and ends the pipeline; one call at a time per instance.
 *   [reader-thread]  an input's own thread: one, may wait. Its decoder's frame() runs there too.
 *   [worker-thread]  a parallel step: many threads at once in one instance; `call->lane` is the
 *                    caller's alone, the rest of the instance is read-only. Never waits.
 *   [ordered]        in chunk order, one thread at a time, not always the same. Never waits.
 *   [writer-thread]  an output's own thread, in chunk order: one, may wait.
 *   [any-thread]     any thread, at any time.   "created": before start returned.
 * LIFETIME "call": valid until the function returns. "instance": until destroy() returns.
 *   "static": as long as the process. Where nothing is said, a pointer is valid for the call.
 *   Whatever is handed TO the host is copied, unless the host made it. A plugin frees nothing of
 *   the host's, and keeps no batch, column or call after it returns.
 * ERRORS   a function returns a nek_status; for the text it calls host->fail(), which copies it.
 * GROWTH   a struct whose first member is `size` is append-only: its maker writes sizeof, its
 *   reader looks no further (missing = 0; NEK_HAS). All others are frozen, as is all that lies in
 *   an array. A new ability is an extension, "nek.NAME/REV". Nothing else ever changes in ABI 1. */
#ifndef NEK_PLUGIN_H
#define NEK_PLUGIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define NEK_ABI 1u
#define NEK_NULLABLE /* may be NULL; every other pointer may not */
#define NEK_EXPORT __attribute__((visibility("default")))
#define NEK_HAS(p, member) ((p)->size >= offsetof(__typeof__(*(p)), member) + sizeof((p)->member))

typedef int32_t nek_status;
enum {
  NEK_OK = 0,
  NEK_END = 1,    /* read: nothing will come any more */
  NEK_RETRY = 2,  /* read, write: not now; nothing of this call counts; called again, with back-off */
  NEK_REFUSE = 3, /* process, commit, decode, encode: the whole batch goes to the dead letters */
  NEK_FAIL = 4    /* create, start: bad configuration; elsewhere: the pipeline stops, exit code 1 */
};
typedef struct nek_text { const char *data; size_t size; } nek_text; /* UTF-8, not terminated */
typedef struct nek_span { uint32_t begin, size; } nek_span;          /* bytes of a chunk */
typedef struct nek_id { uint8_t bytes[16]; } nek_id;                 /* all 0: no id */
typedef struct nek_host nek_host;         /* services, below */
typedef struct nek_token nek_token;       /* one send in flight */
typedef struct nek_snapshot nek_snapshot; /* one snapshot under way */
typedef struct nek_metric nek_metric;

/* ---- Columns and batches: Arrow's layout, made by the host, immutable once emitted ------------ */
typedef uint32_t nek_type;
enum {             /* what `values` points at */
  NEK_BOOL = 1,    /* bitmap, lowest bit first */
  NEK_INT64 = 2, NEK_UINT64 = 3, NEK_DOUBLE = 4, NEK_TIME = 5, /* int64_t: ms since 1970, UTC */
  NEK_TEXT = 6, NEK_JSON = 7, /* nek_view; of valid JSON */
  NEK_LIST = 8,    /* int32_t[rows + 1] into `items` (a NEK_TEXT column) */
  NEK_DICT_TEXT = 9, NEK_DICT_LIST = 10 /* int32_t codes into `dictionary` */
};
#define NEK_TYPE_BIT(type) (1u << (type))
typedef union nek_view { /* Arrow string view: up to 12 bytes inline, else in text[buffer] */
  struct { uint32_t size; char bytes[12]; } in;
  struct { uint32_t size; char prefix[4]; uint32_t buffer, offset; } out;
} nek_view;
typedef struct nek_buffer { uint8_t *data; size_t size; } nek_buffer;
typedef struct nek_column { /* offset 0; buffers aligned to 64, readable 64 bytes past their end */
  nek_type type; uint32_t rows;
  uint8_t *NEK_NULLABLE validity; /* bit 1: has a value; NULL: all have */
  void *values;                   /* whoever fills the column writes every row, 0 where it is null */
  uint32_t text_count;
  nek_buffer *NEK_NULLABLE text;  /* buffers that the views point into */
  const struct nek_dictionary *NEK_NULLABLE dictionary;
  const struct nek_column *NEK_NULLABLE items;
} nek_column;
typedef struct nek_dictionary { uint64_t id; const nek_column *values; } nek_dictionary; /* id: never reused */
enum { NEK_EVENT_TIME = 1 /* field flag: watermarks are made from this column */ };
typedef struct nek_field { const char *name; nek_type type; uint32_t flags; } nek_field;
typedef struct nek_schema { uint32_t count; const nek_field *fields; } nek_schema; /* interned. static */
typedef struct nek_batch { const nek_schema *schema; uint32_t rows; const nek_column *const *columns; } nek_batch;
static inline bool nek_has(const nek_column *c, uint32_t row) {
  return !c->validity || (c->validity[row >> 3] >> (row & 7) & 1);
}
static inline nek_text nek_text_at(const nek_column *c, uint32_t row) { /* NEK_TEXT, NEK_JSON */
  const nek_view *v = (const nek_view *)c->values + row;
  nek_text t = {v->in.bytes, v->in.size};
  if (t.size > 12) t.data = (const char *)c->text[v->out.buffer].data + v->out.offset;
  return t;
}

/* ---- One call of a step ---------------------------------------------------------------------- */
typedef struct nek_call { /* the host's */
  size_t size;
  const nek_host *host;
  void *NEK_NULLABLE lane;             /* from lane_new; NULL in ordered steps */
  const nek_batch *NEK_NULLABLE batch; /* NULL in decode and control */
  const nek_column *const *reads;      /* one for each of shape.reads, in that order; a column that
                                          the batch lacks is all null, never NULL */
  void *NEK_NULLABLE prepared;         /* set by process, found by commit; use host->memory() */
} nek_call;

/* ---- Configuration and shape ----------------------------------------------------------------- */
enum { NEK_NONE, NEK_FLAG, NEK_INTEGER, NEK_REAL, NEK_STRING, NEK_ITEMS, NEK_MAP };
typedef struct nek_value { /* checked against the options, units converted, defaults filled in. instance */
  uint32_t kind, line, column, count;
  nek_text key, string; /* key: of a map's item */
  int64_t integer;      /* NEK_FLAG: 0 or 1; durations in ms, sizes in bytes */
  double real;
  const struct nek_value *items;
} nek_value;
typedef struct nek_option { /* static */
  size_t size;
  const char *name, *type, *doc;        /* type: flag integer real text duration bytes path secret field (a column's
                                           name) list (of texts; a single text is a list of one) map */
  const char *NEK_NULLABLE fallback;    /* as written in YAML; NULL: required */
  const char *NEK_NULLABLE range, *NEK_NULLABLE deprecated; /* "1..65535", "a|b"; what to use instead */
  const struct nek_option *const *NEK_NULLABLE options; /* type map: its keys, ends with NULL; NULL: any keys */
} nek_option;
typedef struct nek_need { /* a column that is read; also nek.source, nek.position, nek.line (made on demand) */
  const char *name;
  uint32_t types;    /* NEK_TYPE_BIT of those taken; the lowest is the type of an absent column */
  bool optional;     /* false: `nek check` refuses a pipeline where nobody makes it */
} nek_need;
enum { NEK_PASS, NEK_SUBSET, NEK_DERIVED }; /* PASS: all that are not refused; what it keeps back is in its snapshots */
typedef struct nek_stream {
  const char *name;
  uint32_t kind, add_count;
  const nek_field *NEK_NULLABLE adds; /* NEK_DERIVED: all its columns, or NULL: known only when records come */
} nek_stream;
typedef struct nek_shape { /* what this instance, as configured, reads and makes; the plugin's. instance */
  size_t size;
  bool reads_all;                               /* encoders that write whatever comes */
  uint32_t need_count, stream_count;            /* streams: filters >= 1, decoders 1 */
  const nek_need *reads;
  const nek_stream *streams;
  uint32_t max_in_flight;                       /* outputs with send: upper bound, 0: 1; 1: in order, retries too */
  uint64_t max_request_bytes;                   /* the same; 0: the core decides */
  bool once;                                    /* inputs: their sources are NEK_ONCE */
} nek_shape;
typedef struct nek_start { /* call */
  size_t size;
  uint32_t wanted_count;                        /* columns of this instance that anyone reads ... */
  const char *const *NEK_NULLABLE wanted;       /* ... NULL: all */
  nek_text restored;                            /* what it wrote in the last complete snapshot, or empty */
} nek_start;

/* ---- Inputs and decoders --------------------------------------------------------------------- */
enum { NEK_MESSAGES = 1 /* a segment is a message, not part of a byte stream */,
       NEK_ONCE = 2     /* cannot be read again: goes through the spool. Its key is never used again */ };
#define NEK_NO_POSITION UINT64_MAX
typedef struct nek_source { /* the host's; until closed and its last chunk is done */
  size_t size;
  void *of_input, *NEK_NULLABLE of_decoder;
  uint32_t flags;
  uint64_t resume;      /* where to read on, or NEK_NO_POSITION; a server's position counts when it is later */
  bool ended;           /* it was read to its end before, and all of it is in a complete snapshot */
  uint64_t ended_records; /* then: how many it had, and when that was (ms since 1970; 0: not known) */
  int64_t ended_ms;
  nek_text mark;        /* what host->source_mark() kept with `resume`; may be empty */
} nek_source;
typedef struct nek_source_open { /* call */
  size_t size;
  nek_text identity;    /* what tells this source from all others for good: part of every record's id */
  nek_text key;         /* under which its position is kept; empty: the identity */
  nek_text head;        /* its first bytes, for the decoder; may be empty */
  uint32_t flags;
  void *of_input;
  nek_text name;        /* for people: nek.source and dead letters say it; empty: the key */
} nek_source_open;
typedef struct nek_known_source { /* call */
  size_t size;
  nek_text key, identity, mark;
  uint64_t position; /* NEK_NO_POSITION: it has ended just now, and its last bytes are not on their way yet */
  bool ended;
} nek_known_source;
typedef struct nek_segment { /* consecutive bytes of one source */
  nek_source *source;
  uint64_t position;    /* of the first byte, or of the message */
  uint32_t begin, size; /* in chunk->data */
} nek_segment;
typedef struct nek_chunk { /* read fills it, decode reads it; the host's */
  size_t size;
  uint8_t *data;
  uint32_t capacity, used;              /* capacity 0: memory is full, serve the connection and return */
  nek_segment *segments;
  uint32_t segment_capacity, segment_count;
  const nek_schema *NEK_NULLABLE schema; /* columns with one value a segment (key, timestamp), */
  const nek_column **NEK_NULLABLE columns; /* repeated by the host for its records; until the next read */
  bool utf8;                            /* decode: all bytes are valid UTF-8; false: check what becomes text */
  uint32_t need;                        /* read sets it: a message of this size waits; it fits next time */
  nek_id *NEK_NULLABLE ids;             /* one a segment, all 0: read sets those that messages bring along */
} nek_chunk;
typedef struct nek_input {
  size_t size;
  /* Returns when the chunk is full, wait_ms are over or nothing is left for now. The host frames,
     puts an unfinished record before the source's next bytes, and has it decoded; it leaves out
     segments of a source closed meanwhile. [reader-thread & started] */
  nek_status (*read)(void *self, nek_chunk *chunk, uint32_t wait_ms);
  /* A snapshot is complete: all before `position` is durable everywhere. Between two reads.
     [reader-thread & started] */
  void (*NEK_NULLABLE committed)(void *self, nek_source *source, uint64_t position);
} nek_input;
typedef struct nek_decoder {
  size_t size;
  /* `head`: the source's first bytes, also when reading resumes later (header, format); may be empty.
     Sets source->of_decoder, immutable from then on. [reader-thread & started] */
  nek_status (*NEK_NULLABLE source_open)(void *self, nek_source *source, nek_text head);
  /* [any-thread & started], once, when no chunk of the source is left */
  void (*NEK_NULLABLE source_close)(void *self, nek_source *source);
  /* Size of the whole records that `bytes`, which begin with a record, consist of; 0: none yet.
     Not called for messages. [reader-thread & started] */
  size_t (*NEK_NULLABLE frame)(void *self, nek_source *source, nek_text bytes, bool at_end);
  /* host->decoded() for each schema met, host->refuse_bytes() for what is no record.
     [worker-thread & started] */
  nek_status (*decode)(void *self, nek_call *call, const nek_chunk *chunk);
  bool texts_are_utf8; /* it has looked at all text that it hands out; false: the host looks */
} nek_decoder;

/* ---- Filters --------------------------------------------------------------------------------- */
typedef struct nek_filter {
  size_t size;
  /* [worker-thread & started] */
  nek_status (*process)(void *self, nek_call *call);
  /* Stateful filters only: after process of the same batch. What both emit is one list, process first.
     [ordered & started] */
  nek_status (*NEK_NULLABLE commit)(void *self, nek_call *call);
} nek_filter;

/* ---- Encoders and outputs -------------------------------------------------------------------- */
typedef struct nek_encoded { /* the host's, until accepted; the output's queue holds these */
  uint8_t *data;
  size_t used, capacity; /* host->reserve() grows it and may move it */
  uint32_t rows, *ends;  /* ends[i]: where record i ends, written by the encoder; empty: left out */
} nek_encoded;
typedef struct nek_encoder {
  size_t size;
  /* What stands once before the first record of a file. instance [any-thread & started] */
  nek_text (*NEK_NULLABLE header)(void *self);
  /* Appends all records of call->batch; before[i], when given, goes in front of record i.
     [worker-thread & started] */
  nek_status (*encode)(void *self, nek_call *call, const nek_text *NEK_NULLABLE before, nek_encoded *out);
  /* What it puts behind every record, such as "\n"; NULL: nothing. instance [any-thread] */
  nek_text (*NEK_NULLABLE record_end)(void *self);
} nek_encoder;
typedef struct nek_record { const uint8_t *data; size_t size; } nek_record;
enum { NEK_DELIVERED = 0, NEK_DUPLICATE = 1, NEK_AGAIN = 2, NEK_REJECT = 3, /* a record or the request */
       NEK_SPLIT = 4, NEK_PAUSE = 5,                                        /* the request only */
       NEK_DOUBT = 6 }; /* a record only: NEK_AGAIN ten times, then NEK_REJECT */
typedef struct nek_result { uint32_t verdict; nek_text reason; } nek_result; /* REJECT, DOUBT: "word: detail" */
typedef struct nek_outcome { /* call */
  size_t size;
  uint32_t verdict;                     /* of the request, where `records` is NULL */
  nek_text reason;
  uint64_t after_ms;                       /* NEK_AGAIN, NEK_PAUSE: not before; 0: the core decides */
  uint64_t max_bytes;                      /* NEK_SPLIT: the limit learned; 0: halve */
  const nek_result *NEK_NULLABLE records;  /* one a record */
  bool too_much;                           /* NEK_AGAIN: the server is there, but has too much: it gets less */
} nek_outcome;
typedef struct nek_output { /* exactly one of write and send */
  size_t size;
  /* For outputs that add to their codec's bytes, mostly by host->encode(), or have no codec. Whatever
     send needs (key, topic, id) stands in the record's bytes: retries and dead letters keep nothing else.
     [worker-thread & started] */
  nek_status (*NEK_NULLABLE encode)(void *self, nek_call *call, nek_encoded *out);
  /* NEK_OK: accepted. NEK_RETRY: as if never called. [writer-thread & started] */
  nek_status (*NEK_NULLABLE write)(void *self, const nek_encoded *const *blocks, uint32_t count);
  /* Starts a request; host->complete(token) is called once, on any thread, perhaps before send
     returns. Records stay valid until then. [writer-thread & started] */
  void (*NEK_NULLABLE send)(void *self, nek_token *token, const nek_record *records, uint32_t count);
} nek_output;

/* ---- Extension nek.control/1: time, snapshots and the end, in chunk order --------------------- */
#define NEK_CONTROL "nek.control/1"
enum {
  NEK_WATERMARK = 1, /* time_ms: event time */
  NEK_TICK = 2,      /* time_ms: wall clock */
  NEK_SNAPSHOT = 4,  /* make durable what came before, host->state_write(), then host->state_done(),
                        perhaps later from another thread; the next comes only after it */
  NEK_COMMITTED = 8, /* that snapshot is complete in the whole pipeline: files get their final names */
  NEK_FINISH = 16    /* no record comes after it, only the last SNAPSHOT and COMMITTED; reaches an output when
                        all before it is accepted */
};
typedef struct nek_control {
  size_t size;
  uint32_t kind;
  int64_t time_ms;
  nek_snapshot *NEK_NULLABLE snapshot; /* until state_done */
  bool drain;                          /* FINISH: stopped by the user, more may come after a restart */
} nek_control;
typedef struct nek_control_extension {
  size_t size;
  uint32_t kinds, min_interval_ms; /* those wanted; least time between snapshots, where they are large */
  /* Filters may emit, except on COMMITTED.  filters [ordered & started], outputs [writer-thread & started] */
  nek_status (*control)(void *self, nek_call *call, const nek_control *control);
} nek_control_extension;

/* ---- Extension nek.progress/1 of inputs: how far, in bytes ------------------------------------- */
#define NEK_PROGRESS "nek.progress/1"
typedef struct nek_progress_extension {
  size_t size;
  /* total 0: unknown. [any-thread & started] */
  void (*progress)(void *self, uint64_t *done, uint64_t *total);
} nek_progress_extension;

/* ---- Extension nek.connect/1 of inputs and outputs: what `nek check --connect` finds ------------- */
#define NEK_CONNECT "nek.connect/1"
typedef struct nek_connect_extension {
  size_t size;
  /* Speaks to whatever it would speak to when it runs, changes nothing there, and tells what it finds,
     a line each. NEK_ERROR: the pipeline would not get far; NEK_WARN; NEK_INFO: good.
     [main-thread & created] */
  nek_status (*connect)(void *self, uint32_t wait_ms, void *to,
                        void (*tell)(void *to, int level, nek_text line));
} nek_connect_extension;

/* ---- Extension nek.summary/1: tables for people, at the end of a run ---------------------------- */
#define NEK_SUMMARY "nek.summary/1"
typedef struct nek_summary_column { const char *name; bool number; } nek_summary_column; /* numbers: to the right */
typedef struct nek_summary nek_summary; /* call; what it is told it copies */
struct nek_summary {
  size_t size;
  void (*table)(nek_summary *, const char *title, const nek_summary_column *columns, uint32_t count);
  void (*row)(nek_summary *, const nek_text *cells); /* of the last table; as many as it has columns */
};
typedef struct nek_summary_extension {
  size_t size;
  /* After all steps; the host prints the tables and puts them into its report. [main-thread & started] */
  void (*summary)(void *self, nek_summary *to);
} nek_summary_extension;

/* ---- Services of the host: one table for each instance. instance ------------------------------ */
enum { NEK_ERROR, NEK_WARN, NEK_INFO, NEK_DEBUG }; enum { NEK_COUNTER, NEK_GAUGE, NEK_HISTOGRAM, NEK_LOSS /* a counter that is shown when it is not 0 */ };
typedef struct nek_make { /* a column to fill */
  nek_type type;
  uint32_t rows;        /* at most; column->rows is set to it, and may be lowered before it is handed out */
  bool nulls;           /* with a validity bitmap, all 0 */
  bool chunk_text;      /* decode: text[0] is chunk->data */
  size_t text_bytes;    /* bytes of own text: the last buffer of text[]; 0: none */
  const nek_column *NEK_NULLABLE like;  /* shares its text buffers, numbered as there */
  const nek_column *NEK_NULLABLE items; /* NEK_LIST */
  const nek_dictionary *NEK_NULLABLE dictionary;
} nek_make;
struct nek_host {
  size_t size;
  const void *NEK_NULLABLE (*extension)(const nek_host *, const char *id);              /* [any-thread] */
  /* Text and place of the error about to be returned: `return host->fail(...)`. [any-thread] */
  nek_status (*fail)(const nek_host *, nek_status, nek_text what, const nek_value *NEK_NULLABLE at);
  void (*log)(const nek_host *, int level, nek_text line);                              /* [any-thread] */
  int64_t (*now_ms)(const nek_host *);               /* wall clock, injected in tests */ /* [any-thread] */
  nek_metric *(*metric)(const nek_host *, int kind, const char *name, const char *help); /* [any-thread] */
  void (*metric_add)(nek_metric *, double value);    /* gauge: set, histogram: observe */ /* [any-thread] */
  const nek_schema *(*schema)(const nek_host *, const nek_field *fields, uint32_t count); /* [any-thread] */
  /* Copies `values`; held until dictionary_free and the last column that uses it.       [any-thread] */
  const nek_dictionary *(*dictionary)(const nek_host *, const nek_column *values);
  void (*dictionary_free)(const nek_host *, const nek_dictionary *);                    /* [any-thread] */
  /* Inputs. [reader-thread] */
  nek_source *(*source_open)(const nek_host *, const nek_source_open *);
  /* Its end was reached: an unfinished record is whole, or a dead letter. */
  void (*source_end)(const nek_host *, nek_source *);
  /* To be given up, all at once: drains and takes a snapshot within wait_ms, abandons what is left,
     closes them. committed[i]: as above, or NEK_NO_POSITION. wait_ms 0: lost, nothing is committed. */
  void (*source_revoke)(const nek_host *, nek_source *const *, uint32_t count, uint32_t wait_ms, uint64_t *committed);
  /* Memory of a call, freed by the host after the component's last step on this batch. [worker-thread, ordered] */
  void *(*memory)(nek_call *, size_t bytes);
  nek_column *(*column)(nek_call *, const nek_make *);
  /* Records out. [worker-thread, ordered]; decoded: [worker-thread]
     emit: call->batch with `added` (stream->adds; NULL in it: not wanted) to a stream, at most once a
     batch. keep: bitmap of rows, NULL: all. The host leaves out rows that were refused, and refuses those
     that get text which is not UTF-8, as decoded() does; in derived ones it puts U+FFFD there.
     ids: a derived record's own, from its content; NULL: it has none. raw: each row's bytes, increasing. */
  void (*emit)(nek_call *, uint32_t stream, const uint64_t *NEK_NULLABLE keep, const nek_column *const *added);
  void (*derive)(nek_call *, uint32_t stream, uint32_t rows, const nek_column *const *, const nek_id *NEK_NULLABLE ids);
  void (*decoded)(nek_call *, const nek_schema *, uint32_t rows, const nek_column *const *, const nek_span *raw);
  void (*refuse_row)(nek_call *, uint32_t row, const char *reason, nek_text detail); /* reason: static, few */
  void (*refuse_bytes)(nek_call *, nek_span bytes, const char *reason, nek_text detail);
  const nek_id *(*ids)(nek_call *);                  /* of call->batch; call */
  /* Outputs. */
  nek_status (*encode)(nek_call *, const nek_text *NEK_NULLABLE before, nek_encoded *); /* [worker-thread] */
  nek_text (*header)(const nek_host *);              /* of the codec */                 /* [writer-thread] */
  void (*reserve)(nek_encoded *, size_t more);                                          /* [worker-thread] */
  void (*complete)(nek_token *, const nek_outcome *);                                   /* [any-thread] */
  /* Durable state, in pieces, may wait for the disk. The snapshot counts, for all components and with the
     positions of all sources, once every component has said NEK_OK; else the last one stays. [any-thread] */
  void (*state_write)(nek_snapshot *, nek_text piece);
  void (*state_done)(nek_snapshot *, nek_status);
  nek_text (*record_end)(const nek_host *);          /* outputs: of the codec; instance */ /* [any-thread] */
  /* Inputs. [reader-thread]
     source_mark: to be kept with the source's position, together with what the read under way brings.
     source_leave: instead of source_end: an unfinished record is not taken, the next source under the key
       resumes before it. Not for NEK_ONCE.
     known_sources: all of this input whose position is kept, open or not, of earlier runs too. */
  void (*source_mark)(const nek_host *, nek_source *, nek_text mark);
  void (*source_leave)(const nek_host *, nek_source *);
  void (*known_sources)(const nek_host *, void *to, void (*each)(void *to, const nek_known_source *));
  /* nek has been asked to stop, or has failed: what takes long and may be left out, such as upkeep at
     FINISH, is not waited for. */
  bool (*stopping)(const nek_host *);                /* started */                       /* [any-thread] */
};

/* ---- A plugin -------------------------------------------------------------------------------- */
typedef struct nek_plugin { /* static; describing opens nothing */
  size_t size;
  const char *name, *version, *vendor, *licence, *summary; /* "geoip" "1.2.0" ... one sentence */
  const char *NEK_NULLABLE example;                        /* its entry in a pipeline, as YAML */
  const nek_option *const *options;                        /* ends with NULL */
  const char *NEK_NULLABLE codec; /* inputs, outputs: the default one; its options stand beside theirs */
  const nek_input *NEK_NULLABLE input; /* exactly one of these five */
  const nek_decoder *NEK_NULLABLE decoder;
  const nek_filter *NEK_NULLABLE filter;
  const nek_encoder *NEK_NULLABLE encoder;
  const nek_output *NEK_NULLABLE output;
  /* Checks the configuration; opens no connection and writes nothing (`nek check` calls it). [main-thread] */
  nek_status (*create)(const nek_host *host, const nek_value *config, void **self);
  const nek_shape *(*shape)(void *self);                                /* [main-thread & created] */
  nek_status (*NEK_NULLABLE start)(void *self, const nek_start *start); /* [main-thread & created] */
  void *(*NEK_NULLABLE lane_new)(void *self); /* a worker's scratch */  /* [main-thread & started] */
  void (*NEK_NULLABLE lane_free)(void *self, void *lane);               /* [main-thread & stopped] */
  /* Ends its threads; completes open tokens with NEK_AGAIN. Nothing is called after it but destroy.
     [main-thread & started] */
  void (*NEK_NULLABLE stop)(void *self);
  void (*destroy)(void *self);                                          /* [main-thread & created or stopped] */
  /* const table or NULL. static. [main-thread & created] */
  const void *NEK_NULLABLE (*NEK_NULLABLE extension)(void *self, const char *id);
  const char *NEK_NULLABLE codec_defaults; /* of `codec`: other defaults of its options, as a YAML map */
  /* Where they hang on the plugin's own options, which may be wrong yet or absent: a static text instead of
     codec_defaults, or NULL. What stands in a map with free keys is added to what the user wrote there,
     unless a key of the user's has the same text. static [main-thread] */
  const char *NEK_NULLABLE (*NEK_NULLABLE codec_defaults_of)(const nek_value *config);
} nek_plugin;
#define NEK_PLUGINS "nek.plugins/1" /* factory id: const nek_plugin *const *, ends with NULL */
typedef struct nek_entry { size_t size; uint32_t abi; const void *(*get_factory)(const char *id); } nek_entry;
extern NEK_EXPORT const nek_entry nek_plugin_entry; /* the only exported symbol */

#ifdef __cplusplus
}
#endif
#endif

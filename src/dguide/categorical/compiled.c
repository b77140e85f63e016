/* Guided categorical draws: rows of logits are read once, where the network left them.
 *
 * A row is z = c + w (c - u) in float32, made and summed tile by tile while it is read, so that the arithmetic hides
 * behind the memory: each tile is the float64 sum of exp(z - top), for the largest z met so far, and is rescaled once
 * the largest of all is known. The tile, then the token in it (made again), is the first whose cumulative weight
 * exceeds the share `uniform` of the total, so a token of weight zero is never drawn.
 *
 * Loops over a tile are plain C with a length that is a multiple of LANES; the pragmas only allow that sums be
 * reordered, which makes them vectors on any machine. Nothing may be compiled with -ffast-math: NaN and infinity mean
 * something here. They spread into the total, and a row whose total is not positive and finite is not served.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS inline __attribute__((always_inline))

enum { TILE = 256, LANES = 16 };
enum { SPAN = 4 * TILE }; /* columns between two looks at what is the largest so far, where no tile is found again */
enum { FLOAT32, BFLOAT16, FLOAT16 };
enum { LOG_PROB, LOG_Z, LOG_COND, LOG_REF, LOG_TILTED, LOG_MAX, ENTROPY, MARGIN };

/* Rows of logits: the kind of number, rows and their distance in entries, and which of them are asked for. */
struct rows {
    const char *values;
    const int64_t *index;
    int64_t kind, count, stride;
};

struct workspace {
    double *sums;             /* weight of each tile */
    float *refs, *tops;       /* what was taken off z in each tile, and the largest z in it */
    unsigned char *forbidden; /* one byte a column; columns that only fill up the last tile count as forbidden */
    unsigned char *touched;   /* whether a tile has forbidden columns */
};

struct task {
    struct rows cond, ref;
    int64_t vocab, n_forbidden, count;
    const double *weight, *uniforms;
    const int64_t *forbidden;
    double temperature;
    int64_t partition, spread;
    int64_t *token;
    unsigned char *served;
    double *found; /* eight columns of `count` if partition or spread, else one */
};

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static uint32_t to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static float from_half(uint32_t half) {
    uint32_t size = half & 0x7FFF;
    /* An exponent of five bits put where eight are belongs 112 higher, unless it means infinity or NaN. */
    uint32_t bits = to_bits(from_bits(size << 13) * 0x1p112f) | (size >= 0x7C00 ? 0x7F800000u : 0u);
    return from_bits(bits | (half & 0x8000) << 16);
}

static float entry(const struct rows *rows, int64_t row, int64_t column) {
    int64_t at = row * rows->stride + column;
    if (rows->kind == FLOAT32) return ((const float *)rows->values)[at];
    uint32_t half = ((const uint16_t *)rows->values)[at];
    return rows->kind == BFLOAT16 ? from_bits(half << 16) : from_half(half);
}

/* 2^40 exp(x) for x <= 0, to 2 ulp. The factor keeps clear of denormal numbers, down to where float32 ends. */
static ALWAYS float scaled_exp(float x) {
    const float magic = 12582912.0f + 127.0f + 40.0f; /* 1.5 * 2^23 rounds to integers: the low bits are an exponent */
    float shifted = x * 1.44269504f + magic;
    float n = shifted - magic;
    float r = x - n * 0.693359375f;
    r -= n * -2.12194440e-4f;
    float p = 0.00138145f;
    p = p * r + 0.00836875f;
    p = p * r + 0.04166839f;
    p = p * r + 0.1666652f;
    p = p * r + 0.49999993f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return p * from_bits(to_bits(shifted) << 23);
}

#define UNSCALE 0x1p-40
#define LOG2E 1.44269504f
#define LOWEST (-103.97208f) /* log of half the least positive float32 */

static ALWAYS float weight_of(float x) {
    float e = scaled_exp(x);
    return x < LOWEST ? 0.0f : e; /* further down `e` means nothing; NaN stays NaN */
}

/* 2^40 2^(x rate) for x rate <= 0; to 3e-7; see `scaled_exp`. */
static ALWAYS float weight_of_power(float x, float rate) {
    const float magic = 12582912.0f + 127.0f + 40.0f;
    float shifted = x * rate + magic;
    float r = x * rate - (shifted - magic);
    float p = 0.00132764668f;
    p = p * r + 0.00967554129f;
    p = p * r + 0.0555071329f;
    p = p * r + 0.240221197f;
    p = p * r + 0.693146967f;
    p = p * r + 1.00000007f;
    float e = p * from_bits(to_bits(shifted) << 23);
    return x < -150.0f / rate ? 0.0f : e;
}

static ALWAYS float largest(const float *x, int m) {
    float top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < m; i++) top = x[i] > top ? x[i] : top;
    return top;
}

/* In a loop of its own, which reads float32 as float64: that is quicker than to convert what is in registers. */
static ALWAYS double sum_of(const float *e, int m) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < m; i++) sum += e[i];
    return sum;
}

static ALWAYS double sum_exp(const float *x, int m, float top, float rate) {
    float e[TILE];
    for (int i = 0; i < m; i++) e[i] = weight_of((x[i] - top) * rate);
    return sum_of(e, m);
}

/* Sums of e = 2^40 exp(x) and of e x for x = z - top, where `top` is the largest z so far; finite, so that x is. */
struct running {
    float top;
    double sum, mean;
};

static const struct running NOTHING = {-FLT_MAX, 0, 0};

static void raise_to(struct running *law, float top) {
    if (!(top > law->top)) return;
    const double shift = (double)law->top - top, factor = law->sum > 0 ? exp(shift) : 0; /* exp(-huge) is slow */
    law->mean = factor * (law->mean + shift * law->sum);
    law->sum *= factor;
    law->top = top;
}

static void add(struct running *law, const float *x, int m) {
    raise_to(law, largest(x, m));
    law->sum += sum_exp(x, m, law->top, 1.0f);
}

static double log_sum(const struct running *law) { return law->top + log(law->sum * UNSCALE); }

/* Largest and second largest z of a row. */
struct leaders {
    float first, second;
};

/* Only a tile whose largest is above the second largest so far has a say, and soon that is rare. */
static void contend(struct leaders *leaders, const float *z, int m, float top) {
    if (!(top > leaders->second)) return;
    float second = -INFINITY;
    int ties = 0;
#pragma omp simd reduction(max : second) reduction(+ : ties)
    for (int i = 0; i < m; i++) {
        float below = z[i] < top ? z[i] : -INFINITY;
        second = below > second ? below : second;
        ties += z[i] == top;
    }
    if (ties > 1) second = top;
    if (top > leaders->first) {
        leaders->second = second > leaders->first ? second : leaders->first;
        leaders->first = top;
    } else {
        leaders->second = top;
    }
}

static double add_spread(struct running *law, const float *z, int m) {
    const float top = law->top;
    float e[TILE], mean = 0; /* of 256 terms, of one sign: float32 will do */
#pragma omp simd reduction(+ : mean)
    for (int i = 0; i < m; i++) {
        float x = z[i] - top, near = x < LOWEST ? LOWEST : x;
        e[i] = x < LOWEST ? 0.0f : scaled_exp(near);
        mean += e[i] * near;
    }
    const double sum = sum_of(e, m);
    law->sum += sum;
    law->mean += mean;
    return sum;
}

/* A tile of a row in float32: where it is, if it can be used as it is, else a copy with 0 for what is forbidden. */
static const float *load(const struct rows *rows, int64_t row, int64_t column, int n, int m, const unsigned char *mask,
                         float *copy) {
    int64_t at = row * rows->stride + column;
    if (rows->kind == FLOAT32) {
        const float *values = (const float *)rows->values + at;
        if (!mask) return values;
        memcpy(copy, values, n * sizeof(float));
    } else {
        const uint16_t *values = (const uint16_t *)rows->values + at;
        if (rows->kind == BFLOAT16)
            for (int i = 0; i < n; i++) copy[i] = from_bits((uint32_t)values[i] << 16);
        else
            for (int i = 0; i < n; i++) copy[i] = from_half(values[i]);
    }
    if (mask)
        for (int i = 0; i < m; i++) copy[i] = mask[i] ? 0.0f : copy[i];
    return copy;
}

static void forbid(float *values, const unsigned char *mask, int m) {
    for (int i = 0; i < m; i++) values[i] = mask[i] ? -INFINITY : values[i];
}

/* A tile of z: its largest, and 0, or NaN if an entry of u is not finite. */
struct tile {
    float top, zero;
};

/* z = c + w (c - u), from whichever of the two it is nearer to. */
static struct tile tilt(float *restrict z, const float *restrict c, const float *restrict u, int m, float w,
                        float scale) {
    float zero = 0, top = -INFINITY;
    if (w < -0.5f) {
#pragma omp simd reduction(+ : zero) reduction(max : top)
        for (int i = 0; i < m; i++) {
            z[i] = u[i] + scale * (c[i] - u[i]);
            zero += u[i] * 0.0f;
            top = z[i] > top ? z[i] : top;
        }
    } else {
#pragma omp simd reduction(+ : zero) reduction(max : top)
        for (int i = 0; i < m; i++) {
            z[i] = c[i] + w * (c[i] - u[i]);
            zero += u[i] * 0.0f;
            top = z[i] > top ? z[i] : top;
        }
    }
    return (struct tile){top, zero};
}

/* Which rows of the two predictions a draw is from, and how they are tilted. */
struct pair {
    int64_t cond, ref;
    float w, scale; /* weight w, and 1 + w */
};

static int width(const struct task *task, int64_t t) {
    const int64_t left = task->vocab - t * TILE;
    return left < TILE ? (int)left : TILE;
}

static int padded(int n) { return (n + LANES - 1) / LANES * LANES; }

/* Makes tile t of z, and adds to the laws of c and u if they are not NULL. */
__attribute__((noinline)) static struct tile make(const struct task *task, const struct workspace *work,
                                                  const struct pair *pair, int64_t t, float *z, struct running *laws) {
    const int n = width(task, t), m = padded(n), guided = task->ref.values != NULL;
    const unsigned char *mask = work->touched[t] ? work->forbidden + t * TILE : NULL;
    float c_copy[TILE], u_copy[TILE];
    struct tile tile = {0, 0};
    const float *c = load(&task->cond, pair->cond, t * TILE, n, m, mask, c_copy);
    if (guided) {
        const float *u = load(&task->ref, pair->ref, t * TILE, n, m, mask, u_copy);
        tile = tilt(z, c, u, m, pair->w, pair->scale);
        if (laws) {
            if (mask) {
                forbid(c_copy, mask, m);
                forbid(u_copy, mask, m);
            }
            add(&laws[0], c, m);
            add(&laws[1], u, m);
        }
    } else {
        memcpy(z, c, m * sizeof(float));
    }
    if (mask) forbid(z, mask, m);
    if (mask || !guided) tile.top = largest(z, m);
    return tile;
}

/* First column whose cumulative weight exceeds `rest`; rounding can leave none, then the last of positive weight. */
static int first_above(const float *e, int m, double rest) {
    double cumulative = 0;
    int last = 0;
    for (int i = 0; i < m; i++) {
        cumulative += e[i];
        if (cumulative > rest) return i;
        if (e[i] > 0) last = i;
    }
    return last;
}

static int column_above(const float *z, int m, float top, float rate, double rest) {
    float e[TILE];
    for (int i = 0; i < m; i++) e[i] = weight_of((z[i] - top) * rate);
    return first_above(e, m, rest);
}

/* Brings the tiles to one scale, that of `top`. Returns their sum. */
static double settle(const struct workspace *work, int64_t tiles, float top, float rate) {
    double factor = 1, total = 0;
    float ref = top;
    for (int64_t t = 0; t < tiles; t++) {
        if (work->refs[t] != ref) {
            ref = work->refs[t];
            factor = exp(rate * ((double)ref - top));
        }
        work->sums[t] *= factor;
        total += work->sums[t];
    }
    return total;
}

/* The tile in which `target` lies, and the weight of those before it. */
static int64_t tile_above(const struct workspace *work, int64_t tiles, double target, double *before) {
    int64_t t = 0;
    *before = 0;
    while (t < tiles - 1 && *before + work->sums[t] <= target) *before += work->sums[t++];
    return t;
}

static double target_of(double uniform, double total) {
    const double below = nextafter(total, 0), share = uniform * total;
    return share < below ? share : below;
}

/* The token that `uniform` stands for; `z` holds the last tile before, and that of the token after. */
static int64_t choose(const struct task *task, const struct workspace *work, const struct pair *pair, int64_t tiles,
                      double uniform, double total, float top, float rate, float *z) {
    int64_t t = 0;
    double before = 0, target = 0;
    if (task->temperature == 0) {
        while (t < tiles - 1 && work->tops[t] != top) t++;
    } else {
        target = target_of(uniform, total);
        t = tile_above(work, tiles, target, &before);
    }
    if (t < tiles - 1) make(task, work, pair, t, z, NULL);
    int column = 0;
    if (task->temperature == 0) {
        while (column < TILE - 1 && z[column] != top) column++;
    } else {
        const double factor = work->refs[t] == top ? 1 : exp(rate * ((double)work->refs[t] - top));
        column = column_above(z, padded(width(task, t)), work->refs[t], rate, (target - before) / factor);
    }
    return t * TILE + column;
}

/* Draws from one row. Returns 1 if it did, 0 if the row is not for it, -1 if there is no such row. */
static int draw_row(const struct task *task, const struct workspace *work, int64_t number) {
    const int guided = task->ref.values != NULL;
    const double weight = guided ? task->weight[number] : 0;
    const struct pair pair = {task->cond.index[number], guided ? task->ref.index[number] : 0, (float)weight,
                              (float)(1 + weight)};
    if (pair.cond < 0 || pair.cond >= task->cond.count) return -1;
    if (guided && (pair.ref < 0 || pair.ref >= task->ref.count)) return -1;
    const int cooled = task->temperature != 1 && task->temperature != 0;
    const double inverse = cooled ? 1 / task->temperature : 1;
    const float rate = inverse < FLT_MAX ? (float)inverse : FLT_MAX;
    const int64_t tiles = (task->vocab + TILE - 1) / TILE;

    float z[TILE], zero = 0;
    struct running laws[2] = {NOTHING, NOTHING}, law = NOTHING;
    struct leaders leaders = {-INFINITY, -INFINITY};
    for (int64_t t = 0; t < tiles; t++) {
        const int m = padded(width(task, t));
        const struct tile tile = make(task, work, &pair, t, z, task->partition ? laws : NULL);
        const float top = tile.top;
        zero += tile.zero;
        raise_to(&law, top);
        work->tops[t] = top;
        work->refs[t] = law.top;
        if (task->spread) {
            contend(&leaders, z, m, top);
            work->sums[t] = add_spread(&law, z, m);
        } else {
            work->sums[t] = sum_exp(z, m, law.top, 1.0f);
            law.sum += work->sums[t];
        }
        if (cooled) work->sums[t] = sum_exp(z, m, law.top, rate);
    }
    const float top = law.top;
    const double total = settle(work, tiles, top, rate);
    if (!(total > 0 && total < INFINITY && zero == 0)) return 0;
    const int64_t token = choose(task, work, &pair, tiles, task->uniforms[number], total, top, rate, z);
    task->token[number] = token;

    double *found = task->found + number;
    const int64_t step = task->count;
    const double x = (double)z[token % TILE] - top, log_total = log(law.sum * UNSCALE);
    found[LOG_PROB] = task->temperature == 0 ? 0 : x * rate - log(total * UNSCALE);
    if (task->partition) {
        const double tilted = top + log_total, c_sum = guided ? log_sum(&laws[0]) : tilted;
        found[LOG_Z * step] = 0;
        found[LOG_COND * step] = entry(&task->cond, pair.cond, token) - c_sum;
        if (guided) {
            const double u_sum = log_sum(&laws[1]);
            found[LOG_Z * step] = tilted - (1 + weight) * c_sum + weight * u_sum;
            found[LOG_REF * step] = entry(&task->ref, pair.ref, token) - u_sum;
        }
    }
    if (task->spread) {
        found[LOG_TILTED * step] = x - log_total;
        found[LOG_MAX * step] = -log_total;
        found[ENTROPY * step] = log_total - law.mean / law.sum;
        found[MARGIN * step] = -expm1((double)leaders.second - leaders.first) / (law.sum * UNSCALE);
    }
    return 1;
}

/* Marks columns as forbidden. Returns 0, or -1 for one that there is not. */
static int mark(const struct task *task, const struct workspace *work, int64_t tiles) {
    const int64_t columns = tiles * TILE;
    /* Of a span without a tile that is touched no byte is read. */
    const int64_t start = task->n_forbidden ? 0 : (task->vocab - 1) / SPAN * SPAN;
    memset(work->touched, 0, tiles);
    memset(work->forbidden + start, 0, columns - start);
    memset(work->forbidden + task->vocab, 1, columns - task->vocab);
    work->touched[tiles - 1] = task->vocab < columns;
    for (int64_t i = 0; i < task->n_forbidden; i++) {
        const int64_t column = task->forbidden[i];
        if (column < 0 || column >= task->vocab) return -1;
        work->forbidden[column] = 1;
        work->touched[column / TILE] = 1;
    }
    return 0;
}

/* 2^40 exp(x), for the tests. */
void dguide_exp(const float *x, float *e, int64_t count) {
    for (int64_t i = 0; i < count; i++) e[i] = weight_of(x[i]);
}

/* Space to work in, with the forbidden columns marked; NULL in `sums` without memory, and `result` -1 or 0. */
static struct workspace workspace_of(const struct task *task, int64_t tiles, int *result) {
    struct workspace work = {0};
    work.sums = malloc(tiles * (sizeof(double) + 2 * sizeof(float) + 1 + TILE));
    if (!work.sums) {
        *result = -2;
        return work;
    }
    work.refs = (float *)(work.sums + tiles);
    work.tops = work.refs + tiles;
    work.touched = (unsigned char *)(work.tops + tiles);
    work.forbidden = work.touched + tiles;
    *result = mark(task, &work, tiles);
    return work;
}

/* Draws rows `start` to `stop`. Returns 0; -1 for a number out of range, -2 without memory: nothing is to be used. */
int dguide_draw(const struct task *task, int64_t start, int64_t stop) {
    int result;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    for (int64_t number = start; number < stop && !result; number++) {
        const int served = draw_row(task, &work, number);
        if (served < 0) result = served;
        else task->served[number] = (unsigned char)served;
    }
    free(work.sums);
    return result;
}

/* log Z alone: of both laws and of the tilted one only the sums are needed, no tile of which has to be found again. */

/* In float32: the error of so few terms of one sign is that of the terms. */
static ALWAYS void add_span(struct running *law, const float *x, int m, float largest) {
    raise_to(law, largest);
    const float top = law->top;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < m; i++) sum += weight_of_power(x[i] - top, LOG2E);
    law->sum += sum;
}

/* Returns 1 if the row is served, 0 if it is not for this, -1 if there is no such row. */
static int log_z_row(const struct task *task, const struct workspace *work, int64_t number) {
    const double weight = task->weight[number];
    const int64_t c_row = task->cond.index[number], u_row = task->ref.index[number];
    if (c_row < 0 || c_row >= task->cond.count || u_row < 0 || u_row >= task->ref.count) return -1;
    const int near_u = weight < -0.5;
    const float slope = (float)(near_u ? 1 + weight : weight);
    float z[SPAN], c_copy[SPAN], u_copy[SPAN], zero = 0;
    struct running c_law = NOTHING, u_law = NOTHING, law = NOTHING;
    for (int64_t column = 0; column < task->vocab; column += SPAN) {
        const int n = task->vocab - column < SPAN ? (int)(task->vocab - column) : SPAN, m = padded(n);
        int odd = 0;
        for (int64_t t = column / TILE; t * TILE < column + n; t++) odd |= work->touched[t];
        const unsigned char *mask = odd ? work->forbidden + column : NULL;
        const float *c = load(&task->cond, c_row, column, n, m, mask, c_copy);
        const float *u = load(&task->ref, u_row, column, n, m, mask, u_copy);
        const float *nearer = near_u ? u : c;
        float top = -INFINITY, c_top = -INFINITY, u_top = -INFINITY;
#pragma omp simd reduction(+ : zero) reduction(max : top, c_top, u_top)
        for (int i = 0; i < m; i++) {
            z[i] = nearer[i] + slope * (c[i] - u[i]);
            zero += u[i] - u[i];
            top = z[i] > top ? z[i] : top;
            c_top = c[i] > c_top ? c[i] : c_top;
            u_top = u[i] > u_top ? u[i] : u_top;
        }
        if (mask) {
            forbid(c_copy, mask, m);
            forbid(u_copy, mask, m);
            forbid(z, mask, m);
            top = largest(z, m), c_top = largest(c_copy, m), u_top = largest(u_copy, m);
        }
        add_span(&c_law, c, m, c_top);
        add_span(&u_law, u, m, u_top);
        add_span(&law, z, m, top);
    }
    task->found[number] = log_sum(&law) - (1 + weight) * log_sum(&c_law) + weight * log_sum(&u_law);
    const float lowest = NOTHING.top;
    return zero == 0 && law.top > lowest && c_law.top > lowest && u_law.top > lowest && isfinite(task->found[number]);
}

/* Of rows `start` to `stop` with a reference, log Z; returns what `dguide_draw` returns. */
int dguide_log_z(const struct task *task, int64_t start, int64_t stop) {
    int result;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    for (int64_t number = start; number < stop && !result; number++) {
        const int served = log_z_row(task, &work, number);
        if (served < 0) result = served;
        else task->served[number] = (unsigned char)served;
    }
    free(work.sums);
    return result;
}

/* Jumps whose rates are a prediction on a floor: `floor.py` has the symbols, and says why this is stable. */

enum { COND, REF };
enum { REST, HERE = 2, TOP = 4, TOTAL = 6, LIFT, SHARE, INTENSITY, TILTED = 11, PARTITION };
enum { GROUP = 16, FEW = 64 }; /* rows that are read together where they have few columns */
#define LOWEST_FLOOR 0x1p-100
#define LOWEST_TOTAL 0x1p-60
#define LEAST_RATE 1e-300
#define MOST_HERE 700.0
#define LN2 0.69314718055994531

struct floored_task {
    struct task rows; /* `found`: thirteen columns of `count`; `uniforms` may be NULL */
    const int64_t *present;
    int64_t known; /* whether the first six columns of `found` hold what a survey would find */
    double evidence, share, damping;
    int64_t exits; /* 0 if no exit rate is asked for, 1 for rates, 2 for those of a whole step */
    double by_here, by_rest, stay_here, stay_rest;
};

/* One row: its predictions, the present token, the largest logit but that of the token, and A = scale e + ground. */
struct floored {
    struct pair pair;
    int64_t present;
    int bare; /* whether there is no floor */
    double top[2], scale[2], ground[2];
};

/* Four neighbours, a quarter of a tile apart, are added in float32: two roundings, as each has anyway. */
static ALWAYS double sum_of_fours(const float *e, int m) {
    if (m != TILE) return sum_of(e, m);
    float fours[TILE / 4];
    for (int i = 0; i < TILE / 4; i++)
        fours[i] = (e[i] + e[i + TILE / 4]) + (e[i + TILE / 2] + e[i + 3 * TILE / 4]);
    return sum_of(fours, TILE / 4);
}

/* Adds exp(x - top) to a law, with the largest x so far as top. */
static ALWAYS void add_others(struct running *law, const float *x, int m) {
    float e[TILE];
    raise_to(law, largest(x, m));
    const float top = law->top;
    for (int i = 0; i < m; i++) e[i] = weight_of_power(x[i] - top, LOG2E);
    law->sum += sum_of_fours(e, m);
}

/* log2 of a normal positive number, to 1e-7 of itself near 1. */
static ALWAYS float log2_of(float x) {
    uint32_t bits = to_bits(x) - 0x3F3504F3u; /* sqrt(1/2): the mantissa is taken from there to sqrt(2) */
    float n = (float)((int32_t)bits >> 23);
    float f = from_bits((bits & 0x7FFFFFu) + 0x3F3504F3u) - 1.0f;
    float p = 0.125835371f;
    p = p * f - 0.20726894f;
    p = p * f + 0.215715846f;
    p = p * f - 0.238944952f;
    p = p * f + 0.287916237f;
    p = p * f - 0.360703677f;
    p = p * f + 0.480910643f;
    p = p * f - 0.721347347f;
    p = p * f + 1.442695f;
    return n + p * f;
}

/* A tile of a prediction with -inf for what is forbidden and for the present token, if they are in it. */
static ALWAYS const float *load_others(const struct task *task, const struct workspace *work, const struct rows *rows,
                                       int64_t row, int64_t t, int64_t present, float *copy) {
    const int n = width(task, t), m = padded(n);
    const unsigned char *mask = work->touched[t] ? work->forbidden + t * TILE : NULL;
    const float *values = load(rows, row, t * TILE, n, m, mask, copy);
    if (mask) forbid(copy, mask, m);
    if (present / TILE != t) return values;
    if (values != copy) memcpy(copy, values, m * sizeof(float));
    copy[present % TILE] = -INFINITY;
    return copy;
}

/* Sets what no token can land on: no columns, the present token, and without a floor forbidden columns. */
static void bar(const struct task *task, const struct workspace *work, const struct floored *row, int64_t t, float *x,
                float value) {
    const unsigned char *mask = work->forbidden + t * TILE;
    const int n = width(task, t), m = padded(n);
    if (work->touched[t])
        for (int i = row->bare ? 0 : n; i < m; i++) x[i] = mask[i] ? value : x[i];
    if (row->present / TILE == t) x[row->present % TILE] = value;
}

/* e from logits, and from it A. */
static ALWAYS void raise_floor(float *restrict a, const float *restrict x, int m, float top, double scale,
                               double ground) {
    const float slope = (float)(scale * UNSCALE), height = (float)ground;
    for (int i = 0; i < m; i++) a[i] = slope * weight_of_power(x[i] - top, LOG2E) + height;
}

/* Makes tile t of T = A 2^power; the largest power, and NaN in `zero` for what is not to be served. */
__attribute__((noinline)) static struct tile weigh(const struct task *task, const struct workspace *work,
                                                   const struct floored *row, int64_t t, float *a, float *power) {
    const int m = padded(width(task, t)), guided = task->ref.values != NULL;
    const int odd = work->touched[t] || row->present / TILE == t;
    float c_copy[TILE], u_copy[TILE], b[TILE];
    struct tile tile = {0, 0};
    const float *u = c_copy, *c = load_others(task, work, &task->cond, row->pair.cond, t, row->present, c_copy);
    if (guided) u = load_others(task, work, &task->ref, row->pair.ref, t, row->present, u_copy);
    const float c_top = (float)row->top[COND], u_top = (float)row->top[REF], w = row->pair.w;
    if (row->bare) {
        for (int i = 0; i < m; i++) a[i] = 1.0f;
        for (int i = 0; i < m; i++) power[i] = c[i] - c_top;
        if (guided) {
            for (int i = 0; i < m; i++) b[i] = u[i] - u_top;
            if (odd) bar(task, work, row, t, b, 0.0f);
            memcpy(c_copy, power, m * sizeof(float));
            tile = tilt(power, c_copy, b, m, w, row->pair.scale);
        }
        for (int i = 0; i < m; i++) power[i] *= LOG2E;
    } else {
        raise_floor(a, c, m, c_top, row->scale[COND], row->ground[COND]);
        memset(power, 0, m * sizeof(float));
        if (guided) {
            raise_floor(b, u, m, u_top, row->scale[REF], row->ground[REF]);
            for (int i = 0; i < m; i++) power[i] = w * log2_of(a[i] / b[i]);
        }
    }
    if (odd) bar(task, work, row, t, power, -INFINITY);
    tile.top = largest(power, m);
    return tile;
}

static ALWAYS void weights_of(float *restrict e, const float *restrict a, const float *restrict power, int m, float top) {
    for (int i = 0; i < m; i++) e[i] = a[i] * weight_of_power(power[i] - top, 1.0f);
}

static ALWAYS void add_tiles(struct running *law, const struct task *task, const struct workspace *work,
                             const struct rows *rows, int64_t row, int64_t tiles, int64_t present) {
    float copy[TILE];
    for (int64_t t = 0; t < tiles; t++)
        add_others(law, load_others(task, work, rows, row, t, present, copy), padded(width(task, t)));
}

/* exp(x) in float64, to 2 ulp, and 0 below 1e-307: unlike that of the library it becomes vectors. */
static ALWAYS double exp_of(double x) {
    const double near = x > -707 ? x : -707, magic = 0x1.8p52 + 1023;
    const double shifted = near * 1.4426950408889634 + magic, n = shifted - magic;
    const double r = near - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33;
    double p = 1 / 6227020800.0;
    p = p * r + 1 / 479001600.0;
    p = p * r + 1 / 39916800.0;
    p = p * r + 1 / 3628800.0;
    p = p * r + 1 / 362880.0;
    p = p * r + 1 / 40320.0;
    p = p * r + 1 / 5040.0;
    p = p * r + 1 / 720.0;
    p = p * r + 1 / 120.0;
    p = p * r + 1 / 24.0;
    p = p * r + 1 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    uint64_t bits;
    memcpy(&bits, &shifted, 8);
    bits <<= 52;
    double power;
    memcpy(&power, &bits, 8);
    return x < -707 ? 0 : p * power;
}

/* log of a normal positive number in float64, to 2 ulp. */
static ALWAYS double log_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    bits -= 0x3FE6A09E667F3BCDu; /* sqrt(1/2): the mantissa is taken from there to sqrt(2) */
    const uint64_t whole = (bits >> 52 ^ 0x800) - 0x800, turned = whole + 0x4338000000000000u; /* 1.5 * 2^52 */
    const uint64_t mantissa = (bits & 0xFFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu;
    double n, m;
    memcpy(&n, &turned, 8);
    memcpy(&m, &mantissa, 8);
    n -= 0x1.8p52;
    const double f = (m - 1) / (m + 1), s = f * f;
    double p = 1 / 23.0;
    p = p * s + 1 / 21.0;
    p = p * s + 1 / 19.0;
    p = p * s + 1 / 17.0;
    p = p * s + 1 / 15.0;
    p = p * s + 1 / 13.0;
    p = p * s + 1 / 11.0;
    p = p * s + 1 / 9.0;
    p = p * s + 1 / 7.0;
    p = p * s + 1 / 5.0;
    p = p * s + 1 / 3.0;
    return n * 0x1.62e42fee00000p-1 + (2 * f + (2 * f * s * p + n * 0x1.a39ef35793c76p-33));
}

/* log of the exit rates of some rows by one prediction, from S and b e_x; see `Exits` in floor.py. NaN if a rate is
 * too small. Loops of few steps, so that the compiler makes vectors of each. */
static ALWAYS void log_intensities(const struct floored_task *asked, const double *rest, const double *own, int count,
                                   double *told) {
    double leave[GROUP], stay[GROUP], early[GROUP], late[GROUP];
    for (int j = 0; j < count; j++) {
        const double n = rest[j] + own[j], here = own[j] / n, others = rest[j] / n;
        leave[j] = asked->by_here * here + asked->by_rest * others;
        stay[j] = asked->stay_here * here + asked->stay_rest * others;
    }
    if (asked->exits == 2) {
        for (int j = 0; j < count; j++) late[j] = -log_of(stay[j] > DBL_MIN ? stay[j] : DBL_MIN);
        for (int j = 0; j < count; j++) {
            const double kept = 1 - leave[j];
            early[j] = log_of(kept > 0.25 ? kept : 0.25) / (kept - 1); /* log1p: so that what was rounded off counts */
        }
        for (int j = 0; j < count; j++) early[j] = 1 - leave[j] == 1 ? leave[j] : leave[j] * early[j];
        for (int j = 0; j < count; j++) leave[j] = leave[j] < 0.5 ? early[j] : late[j];
    }
    for (int j = 0; j < count; j++) told[j] = log_of(leave[j] > LEAST_RATE ? leave[j] : 1);
    for (int j = 0; j < count; j++) told[j] = leave[j] > LEAST_RATE && leave[j] < INFINITY ? told[j] : NAN;
}

static ALWAYS double tilted(double c, double u, double w) { return w == -1 ? u : c + w * (c - u); }

/* Rows of few columns that are read together: 2^40 e with one column after the other, so that what is done with a row
 * is done with all of them at once, and S and b e_x. */
struct group {
    float e[2][FEW][GROUP];
    double rest[2][GROUP], own[2][GROUP];
};

/* Reads one prediction, and from it how strongly each row leaves. */
static void read_group(const struct floored_task *asked, const struct workspace *work, int which, int64_t start,
                       int count, struct group *group) {
    const struct task *task = &asked->rows;
    const struct rows *rows = which == COND ? &task->cond : &task->ref;
    const int n = (int)task->vocab;
    float x[FEW][GROUP], copy[FEW], own[GROUP], top[GROUP];
    double sum[GROUP] = {0}, told[GROUP] = {0}, rest[GROUP], here[GROUP], factor[GROUP];
    for (int j = 0; j < GROUP; j++) {
        const int64_t number = start + (j < count ? j : count - 1), present = asked->present[number];
        const float *values = load(rows, rows->index[number], 0, n, n, NULL, copy);
        for (int i = 0; i < n; i++) x[i][j] = values[i];
        own[j] = work->forbidden[present] ? -INFINITY : values[present];
        x[present][j] = -INFINITY;
        top[j] = -FLT_MAX;
    }
    for (int64_t i = 0; i < task->n_forbidden; i++)
        for (int j = 0; j < GROUP; j++) x[task->forbidden[i]][j] = -INFINITY;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) top[j] = x[i][j] > top[j] ? x[i][j] : top[j];
    for (int i = 0; i < n; i++) {
        float e[GROUP];
        for (int j = 0; j < GROUP; j++) e[j] = weight_of_power(x[i][j] - top[j], LOG2E);
        for (int j = 0; j < GROUP; j++) sum[j] += e[j];
        memcpy(x[i], e, sizeof e);
    }
    if (task->partition) memcpy(group->e[which], x, n * sizeof x[0]);
    for (int j = 0; j < GROUP; j++) {
        rest[j] = sum[j] * UNSCALE;
        here[j] = (double)own[j] - top[j];
    }
    for (int j = 0; j < GROUP; j++) factor[j] = asked->evidence * exp_of(here[j] < MOST_HERE ? here[j] : MOST_HERE);
    memcpy(group->rest[which], rest, sizeof rest);
    memcpy(group->own[which], factor, sizeof factor);
    if (asked->exits) log_intensities(asked, rest, factor, GROUP, told);
    double *found = task->found + which * task->count + start;
    for (int j = 0; j < count; j++) {
        const int served = rest[j] > 0 && rest[j] < INFINITY && here[j] < MOST_HERE && told[j] == told[j];
        found[REST * task->count + j] = rest[j];
        found[HERE * task->count + j] = here[j];
        found[TOP * task->count + j] = top[j];
        if (asked->exits) found[INTENSITY * task->count + j] = told[j];
        if (which == COND) task->served[start + j] = (unsigned char)served;
        else task->served[start + j] &= (unsigned char)served;
    }
}

/* The sum of the weights T of rows with both predictions and a floor; see `land`. */
static void weigh_group(const struct floored_task *asked, int64_t start, int count, const struct group *group) {
    const struct task *task = &asked->rows;
    const int n = (int)task->vocab;
    float slope[2][GROUP], height[2][GROUP], power[FEW][GROUP], high[GROUP], w[GROUP];
    double lift[2][GROUP], each[2][GROUP], ground[2][GROUP], sum[GROUP] = {0}, log_sum[GROUP];
    for (int which = COND; which <= REF; which++) {
        for (int j = 0; j < GROUP; j++)
            ground[which][j] = asked->share * (group->rest[which][j] + asked->damping * group->own[which][j]);
        for (int j = 0; j < GROUP; j++) {
            const double g = ground[which][j], scale = g > 1 ? 1 / g : 1;
            slope[which][j] = (float)(scale * UNSCALE);
            height[which][j] = (float)(g > 1 ? 1 : g);
            each[which][j] = group->rest[which][j] + (n - 1) * g;
        }
        for (int j = 0; j < GROUP; j++) lift[which][j] = -log_of(ground[which][j] > 1 ? 1 / ground[which][j] : 1);
        for (int j = 0; j < GROUP; j++) each[which][j] = log_of(each[which][j]);
    }
    for (int j = 0; j < GROUP; j++) {
        w[j] = (float)task->weight[start + (j < count ? j : count - 1)];
        high[j] = -FLT_MAX;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) {
            const float a = slope[COND][j] * group->e[COND][i][j] + height[COND][j];
            const float b = slope[REF][j] * group->e[REF][i][j] + height[REF][j];
            power[i][j] = w[j] * log2_of(a / b);
        }
    for (int j = 0; j < count; j++) power[asked->present[start + j]][j] = -INFINITY;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) high[j] = power[i][j] > high[j] ? power[i][j] : high[j];
    for (int i = 0; i < n; i++) {
        float t[GROUP];
        for (int j = 0; j < GROUP; j++)
            t[j] = (slope[COND][j] * group->e[COND][i][j] + height[COND][j]) * weight_of_power(power[i][j] - high[j], 1.0f);
        for (int j = 0; j < GROUP; j++) sum[j] += t[j];
    }
    for (int j = 0; j < GROUP; j++) sum[j] *= UNSCALE;
    for (int j = 0; j < GROUP; j++) log_sum[j] = log_of(sum[j] > LOWEST_TOTAL ? sum[j] : 1);
    double *found = task->found + start;
    for (int j = 0; j < count; j++) {
        const double weight = task->weight[start + j], c = ground[COND][j], u = ground[REF][j];
        const double lifted = high[j] * LN2 + lift[COND][j] + weight * (lift[COND][j] - lift[REF][j]);
        found[TOTAL * task->count + j] = sum[j];
        found[LIFT * task->count + j] = lifted;
        found[PARTITION * task->count + j] =
            lifted + log_sum[j] - (each[COND][j] + weight * (each[COND][j] - each[REF][j]));
        task->served[start + j] &= sum[j] >= LOWEST_TOTAL && sum[j] < INFINITY && c >= LOWEST_FLOOR && c < INFINITY &&
                                   u >= LOWEST_FLOOR && u < INFINITY;
    }
}

/* Whether there is a row of each prediction, and a present token in it. */
static ALWAYS int exists(const struct floored_task *asked, int64_t number) {
    const struct task *task = &asked->rows;
    const int64_t c = task->cond.index[number], x = asked->present[number];
    if (c < 0 || c >= task->cond.count || x < 0 || x >= task->vocab) return 0;
    if (task->ref.values == NULL) return 1;
    const int64_t u = task->ref.index[number];
    return u >= 0 && u < task->ref.count;
}

/* Surveys rows of few columns, and sums their weights on a floor. Returns 0, or -1 if there is no such row. */
static int read_few(const struct floored_task *asked, const struct workspace *work, int64_t start, int64_t stop) {
    const struct task *task = &asked->rows;
    struct group group;
    for (int64_t number = start; number < stop; number++)
        if (!exists(asked, number)) return -1;
    for (int64_t number = start; number < stop; number += GROUP) {
        const int count = stop - number < GROUP ? (int)(stop - number) : GROUP;
        read_group(asked, work, COND, number, count, &group);
        if (task->ref.values) read_group(asked, work, REF, number, count, &group);
        if (task->ref.values && task->partition && asked->share != 0) weigh_group(asked, number, count, &group);
    }
    if (asked->exits && task->ref.values) {
        const double *told = task->found + INTENSITY * task->count, *w = task->weight;
        double *found = task->found + TILTED * task->count;
        for (int64_t i = start; i < stop; i++) found[i] = tilted(told[i], told[task->count + i], w[i]);
    }
    return 0;
}

/* S and the rest of one prediction. Returns whether it can be served. */
static int survey(const struct floored_task *asked, const struct workspace *work, struct floored *row, int64_t tiles,
                  int which, int64_t number) {
    const struct task *task = &asked->rows;
    const struct rows *rows = which == COND ? &task->cond : &task->ref;
    const int64_t at = which == COND ? row->pair.cond : row->pair.ref, x = row->present;
    double *found = task->found + which * task->count + number;
    if (!asked->known) {
        struct running law = NOTHING;
        add_tiles(&law, task, work, rows, at, tiles, x);
        const int barred = work->touched[x / TILE] && work->forbidden[x];
        found[REST * task->count] = law.sum * UNSCALE;
        found[HERE * task->count] = barred ? -INFINITY : (double)entry(rows, at, x) - law.top;
        found[TOP * task->count] = law.top;
    }
    const double rest = found[REST * task->count], here = found[HERE * task->count];
    if (!(rest > 0 && rest < INFINITY && here < MOST_HERE)) return 0;
    row->top[which] = found[TOP * task->count];
    const double own = asked->evidence * exp(here);
    if (asked->exits && !asked->known) {
        double told;
        log_intensities(asked, &rest, &own, 1, &told);
        found[INTENSITY * task->count] = told;
        if (isnan(told)) return 0;
    }
    if (!(task->partition || task->uniforms)) return 1;
    const double ground = asked->share * (rest + asked->damping * own);
    row->scale[which] = ground > 1 ? 1 / ground : 1;
    row->ground[which] = ground > 1 ? 1 : ground;
    return row->bare || (ground >= LOWEST_FLOOR && ground < INFINITY);
}

/* The tilt of log n of the laws of the landing: each is (e + G) / (S + (V - 1) G). */
static double log_jumps(const struct floored_task *asked, int64_t number) {
    const struct task *task = &asked->rows;
    double each[2] = {0, 0};
    for (int which = COND; which <= (task->ref.values ? REF : COND); which++) {
        const double *found = task->found + which * task->count + number, rest = found[REST * task->count];
        const double own = asked->evidence * exp(found[HERE * task->count]);
        each[which] = log(rest + (task->vocab - 1) * asked->share * (rest + asked->damping * own));
    }
    return task->ref.values ? each[COND] + task->weight[number] * (each[COND] - each[REF]) : each[COND];
}

/* Sums the weights of a row, and draws from them if it should. Returns whether it can be served. */
static int land(const struct floored_task *asked, const struct workspace *work, const struct floored *row,
                int64_t tiles, int64_t number) {
    const struct task *task = &asked->rows;
    float a[TILE], power[TILE], e[TILE], high = -FLT_MAX, zero = 0;
    for (int64_t t = 0; t < tiles; t++) {
        const int m = padded(width(task, t));
        const struct tile tile = weigh(task, work, row, t, a, power);
        zero += tile.zero;
        high = tile.top > high ? tile.top : high;
        work->refs[t] = high;
        weights_of(e, a, power, m, high);
        work->sums[t] = sum_of_fours(e, m);
    }
    const double total = settle(work, tiles, high, (float)LN2);
    if (!(total >= LOWEST_TOTAL / UNSCALE && total < INFINITY && zero == 0)) return 0;
    double *found = task->found + number;
    double lift = high * LN2;
    if (!row->bare) {
        const double c = log(row->scale[COND]), u = task->ref.values ? log(row->scale[REF]) : c;
        lift -= c + (task->ref.values ? task->weight[number] : 0) * (c - u);
    }
    found[TOTAL * task->count] = total * UNSCALE;
    found[LIFT * task->count] = lift;
    if (task->partition) found[PARTITION * task->count] = lift + log(total * UNSCALE) - log_jumps(asked, number);
    if (!task->uniforms) return 1;
    double before;
    const double target = target_of(task->uniforms[number], total);
    const int64_t t = tile_above(work, tiles, target, &before);
    if (t < tiles - 1) weigh(task, work, row, t, a, power);
    const int m = padded(width(task, t));
    const double factor = work->refs[t] == high ? 1 : exp((float)LN2 * ((double)work->refs[t] - high));
    weights_of(e, a, power, m, work->refs[t]);
    const int column = first_above(e, m, (target - before) / factor);
    task->token[number] = t * TILE + column;
    found[SHARE * task->count] = e[column] * factor * UNSCALE;
    return 1;
}

/* Returns 1 if the row is served, 0 if it is not for this, -1 if there is no such row. */
static ALWAYS int floored_row(const struct floored_task *asked, const struct workspace *work, int64_t number) {
    const struct task *task = &asked->rows;
    const int guided = task->ref.values != NULL;
    const double weight = guided ? task->weight[number] : 0;
    const int64_t tiles = (task->vocab + TILE - 1) / TILE;
    struct floored row = {{task->cond.index[number], guided ? task->ref.index[number] : 0, (float)weight,
                           (float)(1 + weight)}, asked->present[number], asked->share == 0, {0, 0}, {1, 1}, {0, 0}};
    if (!exists(asked, number)) return -1;
    int served = survey(asked, work, &row, tiles, COND, number);
    if (guided) served &= survey(asked, work, &row, tiles, REF, number);
    if (guided && asked->exits && !asked->known) {
        const double *told = task->found + INTENSITY * task->count + number;
        task->found[TILTED * task->count + number] = tilted(told[0], told[task->count], weight);
    }
    if (served && (task->partition || task->uniforms)) served = land(asked, work, &row, tiles, number);
    return served;
}

/* Reads rows `start` to `stop`; returns what `dguide_draw` returns. */
int dguide_floored(const struct floored_task *told, int64_t start, int64_t stop) {
    struct floored_task asked = *told;
    const struct task *task = &asked.rows;
    const int few = task->vocab <= FEW && !asked.known;
    const int more = task->uniforms != NULL || (task->partition && !(task->ref.values && asked.share != 0));
    int result;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    if (few && !result) {
        result = read_few(&asked, &work, start, stop);
        asked.known = 1;
    }
    for (int64_t number = few && !more ? stop : start; number < stop && !result; number++) {
        if (few && !task->served[number]) continue;
        const int served = floored_row(&asked, &work, number);
        if (served < 0) result = served;
        else task->served[number] = (unsigned char)served;
    }
    free(work.sums);
    return result;
}

typedef void uniforms(const int64_t *first, const int64_t *position, const int64_t *index, uint64_t key, int64_t n,
                      double *out);

/* Rows that were read, and the positions that leave or stay by what was found in them. */
struct leap {
    struct floored_task asked; /* its `served` becomes what is said below */
    double *uniforms;          /* as `token`: room for one a row */
    int64_t *token;
    const double *log_stay;
    uniforms *draw; /* that of random.c */
    uint64_t seed;
    int64_t landing, clock; /* the streams, where they stand in a counter */
    const int64_t *flat, *index, *position; /* where each row is in a batch, and its counters */
    int64_t *tokens, *jumps;
    double *clocks;
};

/* Of a row: not touched; stayed, or left and landed; left, and a token is to be drawn by other means. */
enum { LEFT_OUT, DONE, NOT_LANDED };

static void leap_row(const struct leap *leap, const struct workspace *work, int64_t number) {
    const struct task *task = &leap->asked.rows;
    if (task->served[number] == LEFT_OUT) return;
    const int64_t at = leap->flat[number];
    const double exit = -leap->log_stay[number], left = leap->clocks[at];
    leap->clocks[at] = left - exit;
    if (!(left <= exit)) return;
    const int64_t jumps = leap->jumps[at]++;
    const int64_t first[2] = {leap->landing | jumps, leap->clock | (jumps + 1)};
    const int64_t position[2] = {leap->position[number], leap->position[number]};
    const int64_t index[2] = {leap->index[number], leap->index[number]};
    double found[2];
    leap->draw(first, position, index, leap->seed, 2, found);
    leap->uniforms[number] = found[0];
    leap->clocks[at] = -log(found[1]);
    if (floored_row(&leap->asked, work, number) == 1) leap->tokens[at] = leap->token[number];
    else task->served[number] = NOT_LANDED;
}

/* Lets the positions of rows `start` to `stop` leave and land. Returns 0; -1 if one of them is not DONE, -2 without
 * memory. */
int dguide_leap(const struct leap *told, int64_t start, int64_t stop) {
    struct leap leap = *told;
    struct task *task = &leap.asked.rows;
    task->uniforms = leap.uniforms;
    task->token = leap.token;
    leap.asked.known = 1;
    int result;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    int all = 1;
    for (int64_t number = start; number < stop && !result; number++) {
        leap_row(&leap, &work, number);
        all &= task->served[number] == DONE;
    }
    free(work.sums);
    return result ? result : all - 1;
}

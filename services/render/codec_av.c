#include "codec_av.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/log.h>

#define FRAME_MAX 64u // the longest has 50 bytes

struct av_decoder {
    AVCodecContext *ctx;
    AVPacket *packet;
    AVFrame *frame;
    uint8_t bytes[FRAME_MAX + AV_INPUT_BUFFER_PADDING_SIZE];
};

static const AVCodec *find(enum apart_codec c)
{
    static const enum AVCodecID id[APART_CODECS] = {[APART_G729] = AV_CODEC_ID_G729,
                                                    [APART_G723] = AV_CODEC_ID_G723_1,
                                                    [APART_ILBC] = AV_CODEC_ID_ILBC};
    return id[c] == AV_CODEC_ID_NONE ? NULL : avcodec_find_decoder(id[c]);
}

bool av_has(enum apart_codec c)
{
    return find(c) != NULL;
}

static bool set_up(struct av_decoder *d, const AVCodec *codec, enum apart_codec c,
                   size_t frame_bytes)
{
    d->ctx = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    if (!d->ctx || !d->packet || !d->frame)
        return false;
    av_log_set_level(AV_LOG_QUIET); // what it says of hostile bytes is for nobody
    av_channel_layout_default(&d->ctx->ch_layout, 1);
    d->ctx->sample_rate = (int)apart_rate(c);
    d->ctx->block_align = (int)frame_bytes;
    d->ctx->thread_count = 1;
    return avcodec_open2(d->ctx, codec, NULL) == 0;
}

struct av_decoder *av_open(enum apart_codec c, size_t frame_bytes)
{
    const AVCodec *codec = find(c);
    struct av_decoder *d = codec ? calloc(1, sizeof *d) : NULL;
    if (d && !set_up(d, codec, c, frame_bytes))
        d = av_close(d);
    return d;
}

int av_decode(struct av_decoder *d, const struct apart_frame *f, int16_t *pcm)
{
    if (f->bytes.n > FRAME_MAX)
        return -EBADMSG;
    memset(d->bytes + f->bytes.n, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(d->bytes, f->bytes.p, f->bytes.n);
    d->packet->data = d->bytes;
    d->packet->size = (int)f->bytes.n;
    if (avcodec_send_packet(d->ctx, d->packet) != 0 || avcodec_receive_frame(d->ctx, d->frame) != 0)
        return -EBADMSG;
    bool good = d->frame->nb_samples == f->samples && d->frame->ch_layout.nb_channels == 1 &&
                (d->frame->format == AV_SAMPLE_FMT_S16 || d->frame->format == AV_SAMPLE_FMT_S16P);
    if (good)
        memcpy(pcm, d->frame->data[0], 2u * f->samples);
    av_frame_unref(d->frame);
    return good ? 0 : -EBADMSG;
}

struct av_decoder *av_close(struct av_decoder *d)
{
    if (!d)
        return NULL;
    avcodec_free_context(&d->ctx);
    av_packet_free(&d->packet);
    av_frame_free(&d->frame);
    free(d);
    return NULL;
}

//! Decoders of `ffmpeg` that read a video's file, as `-codec_whitelist` takes them: of what cameras, phones, browsers and
//! editors write. Hundreds of others are used by nobody here, and less looked after.

/// Decoders of videos.
pub(super) const VIDEO: &str = "h264,hevc,vvc,libdav1d,av1,libaom-av1,libaom,vp8,libvpx,vp9,libvpx-vp9,mpeg1video,mpeg2video,\
    mpegvideo,mpeg4,msmpeg4v2,msmpeg4,h263,flv,wmv1,wmv2,wmv3,vc1,theora,mjpeg,png,apng,gif,ffv1,huffyuv,prores,dnxhd,rawvideo";

/// Decoders of sound and of subtitles: `ffprobe` opens one for every stream of a file, whichever it is asked about.
pub(super) const BESIDE: &str = "aac,aac_latm,mp3float,mp3,mp2float,mp2,opus,libopus,vorbis,libvorbis,flac,alac,ac3,eac3,dca,\
    truehd,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le,pcm_f32be,pcm_u8,pcm_s8,pcm_alaw,pcm_mulaw,adpcm_ms,\
    adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,wmav1,wmav2,wmapro,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,speex,libspeex,\
    nellymoser,mov_text,subrip,srt,ass,ssa,webvtt,dvdsub,dvbsub,pgssub";

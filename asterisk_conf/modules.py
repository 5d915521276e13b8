"""The modules of Asterisk that are loaded, each with its reason; nothing else is.

Found by leaving each one out in turn: a module that nothing of ours uses is here because another one refuses to load
without it. A new application or function in the dialplan may need a module here.
"""

MODULES: tuple[tuple[str, str], ...] = (
    # What others stand on.
    ("res_timing_timerfd", "clock of music, playback and mixing"),
    ("res_sorcery_config", "pjsip.conf"),
    ("res_sorcery_memory", "state of pjsip's objects"),
    ("res_sorcery_astdb", "registrations survive a restart of Asterisk"),
    ("res_http_websocket", "events and requests of ARI"),
    ("res_websocket_client", "res_ari refuses to load without it"),
    ("res_security_log", "failed logins, for the security log"),
    # Audio.
    ("codec_alaw", "what European carriers send"),
    ("codec_ulaw", "what the rest sends"),
    ("codec_g722", "wideband of desk telephones, and prompts for Opus telephones"),
    ("codec_resample", "between 8 and 16 kHz"),
    ("format_pcm", "prompts as .alaw, .ulaw and .g722"),
    ("format_sln", "music as .sln and .sln16"),
    ("format_wav", "music, messages and recordings as .wav"),
    ("res_musiconhold", "music while waiting"),
    ("res_rtp_asterisk", "audio on the wire"),
    # SIP.
    ("res_pjproject", "the SIP library's log and limits"),
    ("res_pjsip", "SIP"),
    ("res_pjsip_session", "calls"),
    ("res_pjsip_sdp_rtp", "audio of calls"),
    ("res_pjsip_caller_id", "the caller's number, from carriers only"),
    ("res_pjsip_nat", "telephones behind a home router"),
    ("res_pjsip_registrar", "telephones that register"),
    ("res_pjsip_authenticator_digest", "their passwords"),
    ("res_pjsip_endpoint_identifier_ip", "carriers are known by address"),
    ("res_pjsip_endpoint_identifier_user", "telephones are known by user name"),
    ("res_pjsip_rfc3326", "tells telephones why a ringing ended, so that they show no missed call"),
    ("res_pjsip_empty_info", "carriers that test a call with an empty INFO"),
    ("res_pjsip_logger", "'pjsip set logger on', an administrator's first tool; silent until then"),
    ("res_pjsip_pubsub", "chan_pjsip refuses to load without it"),
    ("res_pjsip_refer", "an operator's telephone hands its caller on by itself"),
    ("res_pjsip_dtmf_info", "telephones that send digits by SIP INFO; without it their INFO gets no answer at all"),
    ("res_pjsip_dlg_options", "telephones that test a call with OPTIONS; without it they get no answer"),
    ("res_pjsip_messaging", "answers a MESSAGE during a call, and sends one to a telephone that displays it"),
    ("chan_pjsip", "SIP channels"),
    ("bridge_simple", "two parties"),
    ("bridge_native_rtp", "two parties of one codec, packets passed on as they are"),
    (
        "bridge_holding",
        "a telephone while it rings; without it ARI's dial does nothing",
    ),
    ("bridge_softmix", "a third party: a prompt into a bridge, a supervisor, a recorder"),
    ("chan_bridge_media", "the recorder of a conversation"),
    # The controller's side.
    ("res_stasis", "what ARI stands on"),
    ("res_stasis_answer", "answer"),
    ("res_stasis_playback", "play"),
    ("res_stasis_recording", "record; res_ari refuses to load without it"),
    ("res_stasis_snoop", "res_ari_channels refuses to load without it"),
    ("app_stasis", "Stasis() in the dialplan"),
    ("res_ari", "ARI"),
    ("res_ari_model", "its records"),
    ("res_ari_applications", "which channels and bridges are ours"),
    ("res_ari_asterisk", "is it up, are all modules loaded"),
    ("res_ari_bridges", "bridges"),
    ("res_ari_channels", "channels"),
    ("res_ari_endpoints", "which telephones are there"),
    ("res_ari_events", "events"),
    ("res_ari_playbacks", "stopping a prompt"),
    ("res_ari_recordings", "ending a recording"),
    # The dialplan's side.
    ("pbx_config", "extensions.conf"),
    ("app_db", "DBdeltree"),
    ("app_dial", "Dial, for the fallback's queue members"),
    ("app_playback", "Playback"),
    ("app_queue", "the fallback's queues"),
    ("app_stack", "Gosub"),
    ("app_userevent", "tells the controller what the fallback did"),
    ("app_verbose", "Log"),
    ("func_callerid", "CALLERID"),
    ("func_channel", "CHANNEL"),
    ("func_db", "DB"),
    ("func_json", "JSON_DECODE: what the controller knew of a call that it lost"),
    ("func_logic", "IF"),
    ("func_strings", "FILTER, REGEX"),
)

# Loaded where the Asterisk at hand has them; their names or their presence differ between builds.
OPTIONAL_MODULES: tuple[tuple[str, str], ...] = (
    ("codec_opus_open_source", "wideband of browsers and soft telephones (Debian's build)"),
    ("codec_opus", "wideband of browsers and soft telephones (the maker's build)"),
    ("res_format_attr_opus", "Opus in SDP"),
)

"""The Asterisk modules that are loaded, each with its reason; no others are.

The list was found by leaving out each one in turn: a module that we do not use ourselves is here because another one
refuses to load without it. A new application or function in the dialplan may need a module here.
"""

MODULES: tuple[tuple[str, str], ...] = (
    # Required by others.
    ("res_timing_timerfd", "clock of music, playback and mixing"),
    ("res_sorcery_config", "pjsip.conf"),
    ("res_sorcery_memory", "state of pjsip's objects"),
    ("res_sorcery_astdb", "registrations survive a restart of Asterisk"),
    ("res_http_websocket", "events and requests of ARI"),
    ("res_websocket_client", "res_ari refuses to load without it"),
    ("res_security_log", "failed logins, for the security log"),
    # Audio.
    ("codec_alaw", "the codec of European carriers"),
    ("codec_ulaw", "the codec of other carriers"),
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
    ("res_pjsip_header_funcs", "PJSIP_HEADER: whether a caller's number is withheld"),
    ("res_pjsip_nat", "telephones behind a home router"),
    ("res_pjsip_registrar", "telephones that register"),
    ("res_pjsip_authenticator_digest", "their passwords"),
    ("res_pjsip_endpoint_identifier_ip", "carriers are known by address"),
    ("res_pjsip_outbound_registration", "carriers with which we register"),
    ("res_pjsip_outbound_authenticator_digest", "our password there"),
    ("res_pjsip_endpoint_identifier_user", "telephones are known by user name"),
    ("res_pjsip_rfc3326", "tells telephones why ringing ended, so that they show no missed call"),
    ("res_pjsip_empty_info", "carriers that test a call with an empty INFO"),
    ("res_pjsip_logger", "'pjsip set logger on', an administrator's first tool; silent until then"),
    ("res_pjsip_pubsub", "chan_pjsip refuses to load without it"),
    ("res_pjsip_refer", "transfers with an operator's telephone's own key"),
    ("res_pjsip_dtmf_info", "telephones that send digits by SIP INFO; without it their INFO gets no answer at all"),
    ("res_pjsip_dlg_options", "telephones that test a call with OPTIONS; without it they get no answer"),
    ("res_pjsip_t38", "declines a fax beside a call's audio; without it such a call is answered and has no sound"),
    ("res_pjsip_messaging", "answers a MESSAGE during a call, and sends one to a telephone that displays it"),
    ("chan_pjsip", "SIP channels"),
    ("bridge_simple", "two parties"),
    (
        "bridge_holding",
        "a telephone while it rings; without it ARI's dial does nothing",
    ),
    ("bridge_softmix", "a third party: a prompt into a bridge, a supervisor, a recorder"),
    ("chan_bridge_media", "the recorder of a conversation"),
    # The controller's side.
    ("res_stasis", "the base of ARI"),
    ("res_stasis_answer", "answer"),
    ("res_stasis_playback", "play"),
    ("res_stasis_recording", "record; res_ari refuses to load without it"),
    ("res_stasis_device_state", "whether a telephone is in use by a call that is not ours"),
    ("res_stasis_snoop", "res_ari_channels refuses to load without it"),
    ("app_stasis", "Stasis() in the dialplan"),
    ("res_ari", "ARI"),
    ("res_ari_model", "its records"),
    ("res_ari_applications", "which channels and bridges are ours"),
    ("res_ari_asterisk", "whether Asterisk is up with all modules loaded"),
    ("res_ari_bridges", "bridges"),
    ("res_ari_channels", "channels"),
    ("res_ari_endpoints", "which telephones are registered"),
    ("res_ari_events", "events"),
    ("res_ari_playbacks", "stopping a prompt"),
    ("res_ari_recordings", "ending a recording"),
    # The dialplan's side.
    ("pbx_config", "extensions.conf"),
    ("res_audiosocket", "sound in frames over TCP"),
    ("app_audiosocket", "brings what callers say to the workers that hear it"),
    ("app_channelredirect", "the last line moves callers out of an application without a controller"),
    ("app_db", "DBdeltree"),
    ("app_dial", "Dial, for the fallback's queue members"),
    ("app_originate", "the last line restarts itself"),
    ("app_playback", "Playback"),
    ("app_queue", "the fallback's queues"),
    ("app_softhangup", "the last line hangs up operators' telephones that are alone"),
    ("app_stack", "Gosub"),
    ("app_userevent", "tells the controller what the fallback did"),
    ("app_verbose", "Log"),
    ("func_callerid", "CALLERID"),
    ("func_channel", "CHANNEL, CHANNELS, CHANNEL_EXISTS"),
    ("func_cut", "CUT: an address without its port"),
    ("func_db", "DB"),
    ("func_frame_drop", "FRAME_DROP: a MESSAGE during a call does not reach the other party"),
    ("func_global", "GLOBAL: how many calls were refused; SHARED: who has answered a call of the fallback"),
    ("func_groupcount", "GROUP: how many calls there are at once"),
    ("func_json", "JSON_DECODE: what the controller knew about a call that it lost"),
    ("func_lock", "LOCK: two calls refused at the same time count as two"),
    ("func_logic", "IF, IMPORT"),
    ("func_strings", "FILTER, LEN, REGEX, SHIFT"),
    ("res_clioriginate", "cli.conf starts the last line with Asterisk"),
)

# Loaded only if operators can use browser telephones, which also need res_srtp and Opus or G.711.
WEB_MODULES: tuple[tuple[str, str], ...] = (
    ("app_echo", "Echo, for the test of a browser telephone's sound"),
    ("func_talkdetect", "TALK_DETECT: a scripted caller hears when an operator in training has finished"),
    ("res_pjsip_transport_websocket", "SIP of browser telephones"),
)

# Loaded only if the site wants call detail records.
CDR_MODULES: tuple[tuple[str, str], ...] = (("cdr_csv", "log/cdr-csv/Master.csv"),)

# Loaded only if a carrier has a name, and if this Asterisk has it: it refuses to load on a machine without resolv.conf.
NAME_MODULES: tuple[tuple[str, str], ...] = (
    ("res_resolver_unbound", "carriers' names, by SRV, A and AAAA records; without it by A and AAAA only"),
)

# Loaded if this Asterisk has them; their names or their presence differ between builds.
OPTIONAL_MODULES: tuple[tuple[str, str], ...] = (
    ("codec_opus_open_source", "wideband of browsers and soft telephones (Debian's build)"),
    ("codec_opus", "wideband of browsers and soft telephones (the manufacturer's build)"),
    ("res_format_attr_opus", "Opus in SDP"),
    ("res_srtp", "encrypted audio, for carriers with `srtp` and for browser telephones"),
    ("res_hep", "a copy of each SIP message for the guard and the controller"),
    ("res_hep_pjsip", "the same"),
    ("res_prometheus", "Asterisk's own figures, at /metrics of its web server"),
)

"""Which tests show that the clauses of ``specs/protocol.rst`` are kept.

A test may name its clauses itself, by ``@pytest.mark.clause("6.4", ...)`` or by the words "clause
6.4" in its docstring or its file's; this table is for tests that stand elsewhere and say nothing of
the text. A name behind ``dialogue:`` is that of a dialogue in ``specs/vectors/dialogues.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SHOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.1": """
            tests/integration/test_bad_input.py::test_the_inner_port_is_shut
            tests/worker/test_clients.py::test_only_clients_connect_to_the_public_port
        """,
        "1.2": """
            tests/wire/test_connection.py::test_hello_opens_both_ends
            tests/wire/test_connection.py::test_hello_of_the_wrong_side
        """,
        "1.3": """
            tests/wire/test_codec.py::test_shapes
            tests/wire/test_schema.py::test_every_request_has_a_reply_and_every_reply_a_request
        """,
        "1.4": """
            tests/master/test_sessions.py::test_a_login_says_who_and_until_when
            tests/master/test_sessions.py::test_a_session_belongs_to_its_connection
        """,
        "2.1": """
            tests/net/test_tls.py::test_public_link_versions
            tests/net/test_tls.py::test_public_link_requires_its_alpn
            tests/net/test_tls.py::test_client_refuses_a_wrong_name
        """,
        "2.2": """
            tests/net/test_tls.py::test_inner_link_is_tls_1_3_only
            tests/net/test_tls.py::test_inner_link_requires_its_alpn
            tests/net/test_tls.py::test_worker_that_is_not_registered
            tests/net/test_tls.py::test_registered_uuid_with_another_key
        """,
        "2.3": """
            tests/wire/test_connection.py::test_any_chunks_give_the_same
            tests/net/test_protocol.py::test_any_chunking_gives_the_same_frames
        """,
        "2.4": """
            tests/wire/test_schema.py::test_the_header_is_32_octets
            tests/wire/test_schema.py::test_declarations_are_made_of_strict_blocks_only
        """,
        "3.1": """
            tests/wire/test_schema.py::test_layouts_never_change_by_accident
            tests/wire/test_reference.py::test_valid_frames
        """,
        "3.3": """
            tests/core/test_money.py::test_range_ends_at_64_bits
            tests/core/test_acceptance.py::test_money_that_cannot_be_counted
            tests/wire/test_spec.py::test_frames_hold_both_ways
        """,
        "3.4": """
            tests/wire/test_codec.py::test_every_section_at_its_bounds
            tests/wire/test_spec.py::test_refused_frames_are_refused_as_said
        """,
        "3.5": """
            tests/wire/test_codec.py::test_every_field_that_can_be_wrong
            tests/wire/test_codec.py::test_unknown_members_in_replies_are_kept
        """,
        "3.6": """
            tests/wire/test_spec.py::test_frames_hold_both_ways
            tests/wire/test_reference.py::test_mutated_frames
        """,
        "4.1": """
            tests/wire/test_schema.py::test_the_header_is_32_octets
        """,
        "4.2": """
            tests/wire/test_connection.py::test_a_fault_ends_the_connection_with_one_goodbye
            dialogue:bad-magic
            dialogue:bad-version
            dialogue:hello-whatever-version
        """,
        "4.3": """
            tests/wire/test_connection.py::test_too_large_is_said_before_the_body_comes
            tests/wire/test_codec.py::test_frame_bound_of_a_client
            dialogue:too-large
        """,
        "4.4": """
            tests/wire/test_spec.py::test_refused_frames_are_refused_as_said
            dialogue:bad-category
        """,
        "4.5": """
            tests/master/test_streams.py::test_events_name_the_subscription
        """,
        "4.6": """
            tests/wire/test_codec.py::test_statuses_outside_replies_and_double_shapes
        """,
        "5.3": """
            tests/wire/test_codec.py::test_statuses_outside_replies_and_double_shapes
        """,
        "6.1": """
            tests/wire/test_spec.py::test_refused_frames_are_refused_as_said
            dialogue:block-beyond-frame
        """,
        "6.2": """
            tests/wire/test_codec.py::test_newer_peers_are_understood
        """,
        "6.3": """
            tests/wire/test_reference.py::test_every_octet_at_its_corners
            tests/wire/test_spec.py::test_refused_frames_are_refused_as_said
        """,
        "6.4": """
            tests/wire/test_codec.py::test_required_sections
            tests/wire/test_codec.py::test_grease_tags_are_ignored
            dialogue:missing-section
        """,
        "6.5": """
            tests/wire/test_reference.py::test_groups_that_lie
            tests/wire/test_codec.py::test_newer_peers_are_understood
        """,
        "6.6": """
            tests/wire/test_codec.py::test_checksum
            tests/wire/test_codec.py::test_checksum_does_not_hide_a_long_block
            tests/worker/test_cache.py::test_what_may_not_be_kept_is_not_kept
        """,
        "7.1": """
            tests/wire/test_schema.py::test_layouts_never_change_by_accident
            tests/wire/test_connection.py::test_hello_opens_both_ends
        """,
        "7.2": """
            tests/wire/test_connection.py::test_no_common_version
            tests/wire/test_connection.py::test_the_initiator_gives_up_on_a_refusal
            dialogue:no-common-version
        """,
        "7.3": """
            tests/worker/test_clients.py::test_the_first_frame_must_be_hello
            tests/wire/test_connection.py::test_hello_in_time
            tests/wire/test_connection.py::test_goodbye_instead_of_hello
        """,
        "7.4": """
            dialogue:pipelined-hello
        """,
        "7.5": """
            tests/wire/test_connection.py::test_hello_opens_both_ends
            tests/wire/test_connection.py::test_the_peers_least_frame
            dialogue:keepalive
        """,
        "7.6": """
            tests/wire/test_connection.py::test_grease_is_sent
            tests/wire/test_codec.py::test_grease_opcodes_are_answered
            tests/wire/test_codec.py::test_grease_tags_are_ignored
            dialogue:grease
        """,
        "7.7": """
            tests/worker/test_clients.py::test_only_clients_connect_to_the_public_port
            dialogue:role
        """,
        "7.8": """
            tests/wire/test_codec.py::test_newer_peers_are_understood
            tests/worker/test_upstream.py::test_an_unknown_notice_of_a_newer_master_is_ignored
            dialogue:newer-client
        """,
        "8.1": """
            tests/wire/test_connection.py::test_every_state_and_happening
            tests/wire/test_connection.py::test_the_table_is_complete
            dialogue:hello-twice
        """,
        "8.2": """
            tests/wire/test_connection.py::test_silence_ends_the_connection
            tests/wire/test_connection.py::test_heartbeat_when_nothing_else_was_sent
            tests/wire/test_connection.py::test_an_unfinished_frame_ends_the_connection
        """,
        "8.3": """
            tests/wire/test_connection.py::test_heartbeat_tells_the_next_event
            tests/client/test_blocking_losses.py::test_a_lost_tail_is_seen_by_the_heartbeat
        """,
        "8.4": """
            tests/wire/test_connection.py::test_ping_is_answered_at_once
            tests/wire/test_connection.py::test_unknown_control_requests_are_answered
            tests/wire/test_connection.py::test_a_bad_ping_is_answered_with_its_place
            tests/wire/test_connection.py::test_control_frames_are_rationed
        """,
        "8.5": """
            tests/wire/test_connection.py::test_goodbye_carries_where_else_to_go
            tests/worker/test_main.py::test_stopping_says_goodbye_to_all_and_leaves_no_timer
            tests/net/test_protocol.py::test_a_connection_that_does_not_close_is_aborted_after_the_linger
        """,
        "8.6": """
            tests/worker/test_clients.py::test_a_bad_frame_gives_one_goodbye_and_disturbs_nothing_else
            tests/integration/test_bad_input.py::test_a_bad_frame_gets_one_goodbye
            dialogue:request-faults
        """,
        "8.7": """
            tests/worker/test_clients.py::test_a_client_that_does_not_read_waits_then_gets_the_newest_quotes
            tests/worker/test_clients.py::test_a_client_that_never_reads_is_closed_and_the_link_goes_on
        """,
        "8.8": """
            tests/net/test_protocol.py::test_goodbye_goes_out_after_everything_that_waited
            tests/net/test_protocol.py::test_large_output_is_written_in_pieces_of_whole_frames
            tests/worker/test_subscriptions.py::test_a_snapshot_follows_the_reply
        """,
        "9.1": """
            tests/worker/test_clients.py::test_an_open_correlation_must_not_be_used_again
            tests/worker/test_clients.py::test_replies_go_back_as_they_are_and_may_overtake_each_other
            dialogue:correlation-0
            dialogue:duplicate-correlation
        """,
        "9.2": """
            tests/worker/test_clients.py::test_opcodes_outside_the_range_are_answered_here
            dialogue:reply-from-client
            dialogue:event-from-client
            dialogue:inner-opcode
        """,
        "9.3": """
            tests/worker/test_clients.py::test_the_requests_open_at_once_are_bounded
            tests/worker/test_clients.py::test_commands_have_a_rate
        """,
        "9.4": """
            tests/wire/test_reference.py::test_failures
            tests/wire/test_codec.py::test_a_failure_carries_status_text_place_and_wait
            tests/wire/test_codec.py::test_faults_name_the_place
        """,
        "9.5": """
            tests/wire/test_codec.py::test_a_reply_with_status_and_block_is_the_message
            tests/worker/test_clients.py::test_a_resume_with_a_gap_begins_a_session
        """,
        "9.6": """
            tests/client/test_blocking.py::test_multi_part_replies_are_put_together
            tests/worker/test_clients.py::test_parts_of_a_transfer_belong_to_one_request
            tests/master/test_history.py::test_a_long_list_comes_in_parts
        """,
        "9.7": """
            tests/master/test_history.py::test_a_long_list_comes_in_parts
            tests/master/test_history.py::test_too_many_rows_are_refused
        """,
        "9.8": """
            tests/client/test_blocking.py::test_a_broken_transfer_ends_the_connection
        """,
        "9.9": """
            tests/worker/test_market.py::test_a_cacheable_reply_is_given_again_until_it_expires
            tests/worker/test_market.py::test_quotes_are_stale_after_five_seconds_without_link
            tests/worker/test_cache.py::test_a_hit_is_readdressed_and_flagged
        """,
        "9.10": """
            tests/master/test_flow.py::test_cancel_ends_a_transfer_with_one_reply
            tests/master/test_flow.py::test_cancel_after_the_last_part_does_nothing
            tests/worker/test_credit.py::test_cancel_goes_to_the_master_when_its_target_is_open
        """,
        "10.1": """
            tests/wire/test_schema.py::test_every_limit_has_a_row_in_the_table
            tests/wire/test_codec.py::test_every_section_at_its_bounds
            tests/wire/test_codec.py::test_number_of_sections
            tests/wire/test_codec.py::test_largest_frame
            tests/master/test_session_ends.py::test_an_account_has_sixteen_sessions
            tests/net/test_factory.py::test_one_address_has_its_cap_and_others_are_not_disturbed
            tests/worker/test_subscriptions.py::test_subscriptions_of_one_client_are_bounded
        """,
        "10.2": """
            tests/wire/test_connection.py::test_the_peers_least_frame
            tests/worker/test_upstream.py::test_the_window_bounds_what_is_not_acknowledged
        """,
        "11.1": """
            tests/worker/test_clients.py::test_without_a_session_only_the_door_is_open
            tests/master/test_sessions.py::test_nothing_goes_without_a_session
            tests/master/test_sessions.py::test_the_list_of_workers_is_for_everyone
            dialogue:not-logged-in
            dialogue:worker-list
        """,
        "11.2": """
            tests/master/test_accounts.py::test_an_unknown_user_and_a_wrong_password_look_the_same
            tests/master/test_sessions.py::test_a_sibling_leaves_the_token_alone_and_ends_with_its_parent
            tests/master/test_sessions.py::test_a_sibling_is_never_more_than_its_parent
            tests/master/test_accounts.py::test_five_failures_make_a_name_wait
            tests/master/test_accounts.py::test_an_address_has_so_many_failures
            dialogue:auth-failed
            dialogue:session-token
        """,
        "11.3": """
            tests/master/test_sessions.py::test_one_connection_has_one_session
            tests/master/test_sessions.py::test_a_session_belongs_to_its_connection
            dialogue:login
            dialogue:one-session
        """,
        "11.4": """
            tests/master/test_sessions.py::test_resume_rotates_the_token
            tests/master/test_sessions.py::test_a_lost_reply_does_not_lock_out
            tests/master/test_sessions.py::test_a_spent_token_ends_the_whole_family
            dialogue:token-used-twice
        """,
        "11.5": """
            tests/master/test_sessions.py::test_taking_over_is_asked_for_and_told
            dialogue:taken-over
        """,
        "11.6": """
            tests/master/test_session_ends.py::test_a_lost_connection_leaves_a_minute_of_grace
            tests/master/test_session_ends.py::test_goodbye_ends_what_is_not_remembered
            tests/master/test_session_ends.py::test_a_session_expires
            tests/master/test_session_ends.py::test_logout_voids_the_token
        """,
        "11.7": """
            tests/client/test_blocking_losses.py::test_a_detached_session_is_resumed_on_the_same_connection
            tests/client/test_blocking_losses.py::test_a_detach_while_idle_keeps_the_subscriptions
            tests/worker/test_upstream.py::test_sessions_are_detached_by_a_loss_of_the_link
        """,
        "11.8": """
            tests/master/test_sessions.py::test_scope_read_reads_only
            tests/master/test_session_ends.py::test_logout_everywhere_ends_and_tells_all_sessions_of_the_account
            tests/master/test_session_ends.py::test_an_account_has_sixteen_sessions
            dialogue:scope
        """,
        "11.9": """
            tests/master/test_sessions.py::test_secrets_stand_nowhere
            tests/wire/test_codec.py::test_secrets_do_not_show
        """,
        "11.10": """
            tests/master/test_profile.py::test_the_list_shows_every_session_and_which_one_asks
            tests/master/test_profile.py::test_a_revoked_session_is_told_and_void
            tests/master/test_profile.py::test_only_other_sessions_of_ones_own_are_revoked
        """,
        "11.11": """
            tests/master/test_profile.py::test_a_new_password_ends_every_other_session
            tests/master/test_profile.py::test_passwords_that_are_not_taken
            tests/master/test_profile.py::test_guessing_the_present_password_is_bounded
        """,
        "11.12": """
            tests/master/test_profile.py::test_an_update_sets_what_its_mask_names
            tests/master/test_profile.py::test_updates_that_contradict_themselves
        """,
        "11.13": """
            tests/master/test_profile.py::test_others_see_what_privacy_allows
            tests/master/test_profile.py::test_another_users_portfolio_is_not_reached_by_its_number
        """,
        "11.14": """
            tests/master/test_profile.py::test_a_key_opens_sessions_until_it_is_revoked
            tests/master/test_profile.py::test_a_session_of_a_key_has_its_scope_and_its_end
            tests/master/test_profile.py::test_what_a_key_may_not_be
            tests/master/test_profile.py::test_a_key_whose_reply_was_lost
        """,
        "11.15": """
            tests/master/test_profile.py::test_a_program_with_a_key_may_not_manage_the_account
        """,
        "11.16": """
            tests/master/test_operators.py::test_another_scope_may_not_ask
            tests/master/test_operators.py::test_an_ordinary_account_gets_no_such_session
            tests/master/test_operators.py::test_an_operator_drains_a_worker
            tests/master/test_operators.py::test_the_log_comes_in_parts_that_fit
        """,
        "12.1": """
            tests/master/test_transactions.py::test_commands_without_a_number_are_refused
            tests/client/test_blocking_losses.py::test_a_registration_in_doubt_is_not_called_taken
            dialogue:seq-required
            dialogue:username-taken
        """,
        "12.2": """
            tests/master/test_transactions.py::test_numbers_may_have_gaps
            dialogue:seq-gaps
        """,
        "12.3": """
            tests/master/test_transactions.py::test_a_command_and_its_reply_are_in_one_transaction
            tests/master/test_durability.py::test_neither_reply_nor_event_leaves_before_the_commit
        """,
        "12.4": """
            tests/master/test_transactions.py::test_the_same_command_again_gets_the_stored_reply
            tests/master/test_transactions.py::test_another_command_under_a_used_number_is_refused
            dialogue:repeated-command
            dialogue:seq-reused
        """,
        "12.5": """
            tests/master/test_transactions.py::test_replies_are_kept_up_to_their_limit
            tests/master/test_transactions.py::test_replies_are_kept_up_to_their_limit_over_a_crash
            dialogue:seq-too-old
        """,
        "12.6": """
            tests/master/test_transactions.py::test_a_client_order_id_is_used_once_for_ever
            tests/master/test_transactions.py::test_two_accounts_may_use_the_same_client_order_id
            dialogue:duplicate-order
        """,
        "12.7": """
            tests/master/test_transactions.py::test_every_refusal_is_stored
            tests/master/test_transactions.py::test_overload_is_not_stored
            dialogue:refusal-is-stored
        """,
        "12.8": """
            tests/master/test_durability.py::test_neither_reply_nor_event_leaves_before_the_commit
            tests/master/test_transactions.py::test_the_account_stream_is_one_for_all_sessions
        """,
        "12.9": """
            tests/master/test_transactions.py::test_resume_tells_where_everything_is
            tests/master/test_streams.py::test_what_is_pruned_is_a_gap
            tests/client/test_blocking_losses.py::test_an_order_whose_reply_was_lost_has_one_result
            dialogue:resume-after-a-loss
        """,
        "12.10": """
            tests/client/test_blocking_losses.py::test_a_gap_in_the_events_is_asked_for
            tests/master/test_transactions.py::test_an_event_seen_twice_has_the_same_octets
        """,
        "12.11": """
            tests/worker/test_upstream.py::test_sessions_are_detached_by_a_loss_of_the_link
            tests/worker/test_upstream.py::test_what_was_written_without_a_session_is_relayed_again
            tests/master/test_session_ends.py::test_a_lost_worker_detaches_its_sessions_only
            tests/master/test_accounts.py::test_a_frame_sent_again_gets_the_first_answer
        """,
        "12.12": """
            tests/worker/test_upstream.py::test_without_a_link_for_long_each_request_is_told_what_is_known
            tests/master/test_durability.py::test_a_failing_commit_leaves_the_outcome_unknown
            tests/client/test_blocking_losses.py::test_outcome_unknown_is_asked_again_with_the_same_number
        """,
        "12.13": """
            tests/master/test_transactions.py::test_a_fill_names_the_quote_that_priced_it
            tests/worker/test_topics.py::test_a_slow_reader_gets_the_newest_of_each_symbol_later
        """,
        "13.1": """
            tests/core/test_acceptance.py::test_every_refusal
        """,
        "13.2": """
            tests/master/test_transactions.py::test_an_order_never_uses_a_quote_from_before_it
        """,
        "13.3": """
            tests/core/test_orders.py::test_every_pair_of_state_and_event
            tests/master/test_transactions.py::test_an_order_fills_on_the_next_quote_and_is_told_in_order
            dialogue:order-and-fill
        """,
        "13.4": """
            tests/master/test_transactions.py::test_an_order_that_rests_is_cancelled_and_frees_its_cash
            dialogue:cancel
        """,
        "13.5": """
            tests/core/test_acceptance.py::test_the_first_refusal_wins
            dialogue:first-refusal
        """,
        "13.16": """
            tests/core/test_restrictions.py::test_only_the_assets_named_may_be_opened
            tests/core/test_restrictions.py::test_a_least_price
            tests/core/test_restrictions.py::test_a_cap_on_one_asset_counts_open_orders
            tests/core/test_restrictions.py::test_a_position_is_held_for_a_while
        """,
        "13.33": """
            tests/master/test_contests.py::test_only_hosts_open_contests
            tests/master/test_contests.py::test_contests_that_cannot_be
        """,
        "13.34": """
            tests/core/test_contests.py::test_who_may_join_and_when
        """,
        "13.35": """
            tests/core/test_contests.py::test_entries_trade_only_while_it_runs
            tests/core/test_contests.py::test_what_an_entry_may_not_do
            tests/core/test_contests.py::test_at_the_end_everything_is_valued_at_last_prices
        """,
        "13.36": """
            tests/master/test_contests.py::test_questions_about_contests
            tests/core/test_contests.py::test_equals_share_a_rank
        """,
        "13.37": """
            tests/master/test_contests.py::test_a_contest_from_its_opening_to_its_file
            tests/core/test_contests.py::test_no_change_of_a_file_goes_unseen
        """,
        "13.22": """
            tests/core/test_golden.py::test_a_golden_case
            tests/master/test_combined.py::test_a_stop_triggers_and_fills
        """,
        "13.23": """
            tests/core/test_golden.py::test_a_golden_case
            tests/master/test_combined.py::test_a_trailing_stop_survives_a_restart
        """,
        "13.24": """
            tests/core/test_golden.py::test_a_golden_case
            tests/master/test_combined.py::test_an_order_for_the_close_knows_its_session
        """,
        "13.25": """
            tests/core/test_golden.py::test_a_golden_case
            tests/master/test_combined.py::test_an_order_for_money
        """,
        "13.26": """
            tests/core/test_golden.py::test_a_golden_case
            tests/master/test_combined.py::test_a_bracket_shows_its_legs
        """,
        "13.27": """
            tests/core/test_golden.py::test_a_golden_case
            tests/master/test_combined.py::test_a_bracket_shows_its_legs
        """,
        "13.28": """
            tests/master/test_combined.py::test_all_positions_are_closed_in_one_step
        """,
        "14.1": """
            tests/worker/test_subscriptions.py::test_what_is_wrong_in_a_request_is_answered
            tests/master/test_streams.py::test_account_stands_alone
            tests/worker/test_topics.py::test_an_interval_lets_one_quote_per_symbol_through
            tests/worker/test_subscriptions.py::test_a_snapshot_follows_the_reply
            dialogue:subscribe-faults
        """,
        "14.2": """
            tests/master/test_streams.py::test_only_who_asked_is_told
            tests/master/test_transactions.py::test_the_account_stream_is_one_for_all_sessions
            tests/master/test_streams.py::test_no_gap_and_no_double_however_it_interleaves
        """,
        "14.3": """
            tests/master/test_streams.py::test_a_long_replay_comes_in_batches
            tests/master/test_streams.py::test_zero_means_from_now_on
            tests/master/test_streams.py::test_what_is_pruned_is_a_gap
            tests/master/test_streams.py::test_events_are_pruned_at_their_limit
        """,
        "14.4": """
            tests/client/test_blocking_losses.py::test_a_gap_in_the_events_is_asked_for
            tests/master/test_streams.py::test_a_new_subscription_during_a_replay
            dialogue:gap-filled
        """,
        "14.5": """
            tests/worker/test_topics.py::test_a_delivery_is_the_masters_frame_with_another_address
            tests/worker/test_market.py::test_quotes_are_stale_after_five_seconds_without_link
            dialogue:quotes
        """,
        "14.6": """
            tests/worker/test_clients.py::test_the_session_ends_with_logout_and_with_the_masters_event
            tests/client/test_blocking_losses.py::test_a_session_taken_over_is_told
            tests/master/test_session_ends.py::test_a_session_expires
        """,
        "14.7": """
            tests/worker/test_subscriptions.py::test_unsubscribing_ends_it
        """,
        "14.8": """
            tests/master/test_hours.py::test_bars_form_as_bars_get_has_them
            tests/worker/test_subscriptions.py::test_bars_are_a_topic_of_their_own_for_each_interval
            tests/worker/test_topics.py::test_a_closed_bar_is_never_conflated_away
        """,
        "14.9": """
            tests/master/test_hours.py::test_openings_and_closes_are_published
            tests/master/test_hours.py::test_an_exchange_without_listings_is_refused
            tests/worker/test_subscriptions.py::test_the_market_is_one_topic
        """,
        "14.10": """
            tests/master/test_hours.py::test_the_clock_tells_its_mode_and_speed
        """,
        "14.11": """
            tests/master/test_timekeeper.py::test_what_a_clock_cannot_do
            tests/master/test_timekeeper.py::test_with_others_only_an_operator_may
            tests/master/test_timekeeper.py::test_a_step_is_taken_once
            tests/master/test_timekeeper.py::test_forward_everything_between_falls_due
        """,
        "14.12": """
            tests/master/test_timekeeper.py::test_turned_back_orders_end_and_money_stays
            tests/master/test_timekeeper.py::test_an_action_applies_again_in_another_epoch
            tests/master/test_timekeeper.py::test_what_is_not_listed_yet_is_unlisted
            tests/master/test_timekeeper.py::test_followers_are_told
        """,
        "15.1": """
            tests/worker/test_upstream.py::test_the_worker_says_who_it_is
            tests/master/test_workers.py::test_an_unknown_worker_is_refused
            tests/master/test_workers.py::test_a_clock_that_is_far_off_is_refused
            tests/master/test_workers.py::test_nothing_comes_before_worker_auth
        """,
        "15.2": """
            tests/worker/test_market.py::test_the_cache_goes_on_during_a_loss_and_ends_with_another_master
            tests/master/test_workers.py::test_numbers_are_remembered_per_boot
        """,
        "15.3": """
            tests/worker/test_clients.py::test_the_master_learns_how_a_client_ended
            tests/worker/test_clients.py::test_the_master_may_close_a_client_and_ban_its_address
            tests/worker/test_upstream.py::test_a_client_that_leaves_during_the_loss_leaves_nothing
        """,
        "15.4": """
            tests/worker/test_clients.py::test_a_frame_is_relayed_octet_for_octet_with_when_and_from_whom
            tests/worker/test_stamping.py::test_stamps_grow_even_when_the_clock_stands_still
            tests/worker/test_stamping.py::test_the_envelope_is_the_frame_that_the_codec_builds
        """,
        "15.5": """
            tests/worker/test_clients.py::test_a_reply_can_close_the_connection_after_it
            tests/worker/test_market.py::test_a_cacheable_reply_is_given_again_until_it_expires
            tests/worker/test_market.py::test_only_good_replies_that_the_master_marked_are_kept
        """,
        "15.6": """
            tests/worker/test_upstream.py::test_the_window_bounds_what_is_not_acknowledged
            tests/worker/test_upstream.py::test_the_window_bounds_what_waits_for_the_link
            tests/master/test_workers.py::test_relays_are_acknowledged_without_answers
        """,
        "15.7": """
            tests/worker/test_topics.py::test_interest_is_told_for_the_first_and_the_last
            tests/worker/test_topics.py::test_a_delivery_is_the_masters_frame_with_another_address
            tests/master/test_workers.py::test_quotes_go_to_the_workers_that_want_them
        """,
        "15.8": """
            tests/worker/test_upstream.py::test_the_clock_of_the_master_is_measured
            tests/master/test_workers.py::test_the_bound_of_a_clock_is_its_best_measurement
            tests/master/test_workers.py::test_pings_measure_the_worker
            tests/master/test_workers.py::test_stamps_only_rise
        """,
        "15.9": """
            tests/worker/test_upstream.py::test_stats_are_sent_as_often_as_the_master_wants
        """,
        "15.10": """
            tests/worker/test_upstream.py::test_every_pair_of_state_and_event_is_decided
            tests/worker/test_upstream.py::test_it_dials_again_with_growing_random_delays
        """,
        "15.11": """
            tests/master/test_flow.py::test_never_beyond_the_credit_and_nothing_lost
            tests/master/test_flow.py::test_the_link_keeps_to_the_credit_and_to_cancel
            tests/worker/test_credit.py::test_credit_is_given_as_the_client_takes
            tests/worker/test_credit.py::test_the_count_begins_anew_with_the_link
        """,
        "15.13": """
            tests/worker/test_topics.py::test_what_was_known_is_void_and_asked_for_again
            tests/worker/test_market.py::test_what_is_cached_is_void_when_the_master_says_so
        """,
        "15.20": """
            tests/integration/test_standby.py::test_the_second_takes_over
        """,
        "16.1": """
            tests/wire/test_schema.py::test_journal_records_are_not_reachable_from_links
            tests/wire/test_connection.py::test_journal_records_cross_no_link
            dialogue:journal-opcode
        """,
        "16.2": """
            tests/master/test_durability.py::test_what_comes_in_during_a_commit_is_the_next_batch
            tests/master/test_recovery.py::test_a_crash_loses_nothing_and_doubles_nothing
        """,
        "16.3": """
            tests/master/test_recovery.py::test_memory_is_the_same_after_a_start
            tests/master/test_recovery.py::test_a_crash_loses_nothing_and_doubles_nothing
        """,
        "17.1": """
            tests/wire/test_schema.py::test_statuses_fit_the_refusals_and_their_ranges
            tests/master/test_transactions.py::test_every_refusal_is_stored
        """,
        "17.3": """
            tests/master/test_durability.py::test_a_failing_commit_leaves_the_outcome_unknown
            tests/worker/test_upstream.py::test_without_a_link_for_long_each_request_is_told_what_is_known
            tests/client/test_blocking_losses.py::test_no_outcome_is_made_up_at_the_deadline
        """,
        "18.1": """
            tests/wire/test_schema.py::test_every_request_has_a_reply_and_every_reply_a_request
            tests/wire/test_spec.py::test_every_message_has_vectors
        """,
        "19.1": """
            tests/wire/test_spec.py::test_frames_hold_both_ways
        """,
        "19.2": """
            tests/wire/test_spec.py::test_refused_frames_are_refused_as_said
        """,
    }
)
"""Clause -> the ids of its tests, separated by white space."""

// Node types of the grammars by name, for what a role (language.h) does not tell. Numbers of
// grammars change between versions, names rarely: the table of a grammar is filled by name.
#pragma once

#include "core/code/syntax.h"

// Sorted: looked up by bisection when a grammar is first used.
// clang-format off
#define NODE_TYPES(X) \
    X(abstract_class_declaration) X(abstract_function_declarator) X(abstract_method_signature) \
    X(access_specifier) X(accessibility_modifier) X(alias) X(alias_declaration) \
    X(aliased_import) X(ambient_declaration) X(annotation) X(annotation_type_declaration) \
    X(annotation_type_element_declaration) X(anonymous_function) X(argument_list) X(arguments) \
    X(array_declarator) X(array_pattern) X(arrow_function) X(as_pattern) X(as_pattern_target) \
    X(assignment) X(assignment_expression) X(assignment_pattern) X(associated_type) X(attribute) \
    X(attribute_item) X(attribute_specifier) X(await_expression) X(base_class_clause) X(binary) \
    X(binary_expression) X(block) X(block_parameters) X(body_statement) X(boolean_operator) \
    X(break_expression) X(break_statement) X(call) X(call_expression) X(case) X(case_clause) \
    X(case_item) X(case_match) X(case_statement) X(catch_clause) X(catch_formal_parameter) \
    X(class) X(class_body) X(class_declaration) X(class_definition) X(class_specifier) \
    X(class_variable) X(closure_expression) X(closure_parameters) X(command) X(command_name) \
    X(communication_case) X(compact_constructor_declaration) X(comparison_operator) \
    X(compound_statement) X(concept_definition) X(condition_clause) X(conditional) \
    X(conditional_expression) X(const_declaration) X(const_item) X(const_spec) X(constant) \
    X(constant_declaration) X(constructor_declaration) X(continue_expression) \
    X(continue_statement) X(declaration) X(declaration_command) X(declaration_list) \
    X(decorated_definition) X(decorator) X(default_case) X(default_parameter) X(destructor_name) \
    X(dictionary_splat_pattern) X(do_block) X(do_statement) X(dotted_name) X(dynamic_import) \
    X(elif_clause) X(else) X(else_clause) X(elsif) X(enhanced_for_statement) X(ensure) \
    X(enum_assignment) X(enum_body) X(enum_constant) X(enum_declaration) X(enum_item) \
    X(enum_specifier) X(enum_variant) X(enum_variant_list) X(enumerator) X(except_clause) \
    X(except_group_clause) X(exception_variable) X(export_clause) X(export_specifier) \
    X(export_statement) X(expression_case) X(expression_list) X(expression_statement) \
    X(expression_switch_statement) X(extern_crate_declaration) X(field_declaration) \
    X(field_definition) X(field_expression) X(field_identifier) X(finally_clause) X(for) \
    X(for_expression) X(for_in_clause) X(for_in_statement) X(for_range_loop) X(for_statement) \
    X(formal_parameter) X(formal_parameters) X(func_literal) X(function_declaration) \
    X(function_declarator) X(function_definition) X(function_expression) X(function_item) \
    X(function_modifiers) X(function_signature) X(function_signature_item) \
    X(future_import_statement) X(generator_function) X(generator_function_declaration) \
    X(global_statement) X(global_variable) X(goto_statement) X(guard) X(hash_key_symbol) \
    X(heredoc_body) X(identifier) X(if) X(if_clause) X(if_expression) X(if_let) X(if_modifier) \
    X(if_statement) X(impl_item) X(import) X(import_clause) X(import_declaration) \
    X(import_from_statement) X(import_prefix) X(import_spec) X(import_specifier) \
    X(import_statement) X(in_clause) X(inferred_parameters) X(init_declarator) \
    X(instance_variable) X(interface_body) X(interface_declaration) X(interface_type) \
    X(internal_module) X(interpolation) X(jsx_attribute) X(jsx_closing_element) X(jsx_element) \
    X(jsx_opening_element) X(jsx_self_closing_element) X(keyed_element) X(keyword_argument) \
    X(keyword_parameter) X(label_name) X(labeled_statement) X(lambda) X(lambda_expression) \
    X(let_chain) X(let_condition) X(let_declaration) X(lexical_declaration) \
    X(linkage_specification) X(list) X(list_comprehension) X(list_pattern) X(list_splat_pattern) \
    X(literal_element) X(local_variable_declaration) X(loop_expression) X(macro_definition) \
    X(macro_invocation) X(marker_annotation) X(match_arm) X(match_expression) X(match_pattern) \
    X(match_statement) X(member_expression) X(method) X(method_declaration) X(method_definition) \
    X(method_elem) X(method_invocation) X(method_reference) X(method_signature) X(mod_item) \
    X(modifiers) X(module) X(named_expression) X(namespace_definition) X(namespace_export) \
    X(namespace_import) X(nested_namespace_specifier) X(noexcept) X(nonlocal_statement) \
    X(not_operator) X(object) X(object_creation_expression) X(object_pattern) X(object_type) \
    X(operator_cast) X(operator_name) X(optional_parameter) X(optional_type) X(package_clause) \
    X(package_declaration) X(pair) X(pair_pattern) X(parameter) X(parameter_declaration) \
    X(parameter_list) X(parameters) X(parenthesized_declarator) X(parenthesized_expression) \
    X(pattern_list) X(pipeline) X(pointer_declarator) X(preproc_arg) X(preproc_def) \
    X(preproc_defined) X(preproc_elif) X(preproc_elifdef) X(preproc_else) \
    X(preproc_function_def) X(preproc_if) X(preproc_ifdef) X(preproc_include) \
    X(private_property_identifier) X(program) X(property_identifier) X(property_signature) \
    X(public_field_definition) X(qualified_identifier) X(range_clause) X(record_declaration) \
    X(reference_declarator) X(relative_import) X(rescue) X(rescue_modifier) X(resource) \
    X(rest_pattern) X(return_statement) X(scope_resolution) X(scoped_identifier) \
    X(scoped_use_list) X(select_statement) X(selector_expression) X(self) X(self_parameter) \
    X(sequence_expression) X(short_var_declaration) X(shorthand_property_identifier) \
    X(shorthand_property_identifier_pattern) X(simple_expansion) X(simple_symbol) \
    X(singleton_class) X(singleton_method) X(source_file) X(statement_block) \
    X(statement_identifier) X(static_item) X(storage_class_specifier) X(string) \
    X(string_content) X(string_fragment) X(string_literal) X(struct_item) X(struct_specifier) \
    X(struct_type) X(subshell) X(switch_block) X(switch_block_statement_group) X(switch_body) \
    X(switch_case) X(switch_default) X(switch_expression) X(switch_label) X(switch_rule) \
    X(switch_statement) X(symbol) X(system_lib_string) X(template_declaration) \
    X(template_function) X(template_method) X(template_substitution) X(ternary_expression) \
    X(test_command) X(then) X(throw_statement) X(token_tree) X(token_tree_pattern) X(trait_item) \
    X(translation_unit) X(try_expression) X(try_statement) X(tuple) X(tuple_pattern) \
    X(tuple_struct_pattern) X(type) X(type_alias) X(type_alias_declaration) \
    X(type_alias_statement) X(type_case) X(type_definition) X(type_identifier) X(type_item) \
    X(type_pattern) X(type_qualifier) X(type_spec) X(type_switch_statement) \
    X(typed_default_parameter) X(typed_parameter) X(unary) X(undef) X(union_item) \
    X(union_specifier) X(unless) X(unless_modifier) X(until) X(until_modifier) X(use_as_clause) \
    X(use_declaration) X(use_list) X(use_wildcard) X(using_declaration) X(var_declaration) \
    X(var_spec) X(variable_assignment) X(variable_declaration) X(variable_declarator) \
    X(variable_name) X(variadic_parameter) X(virtual_specifier) X(visibility_modifier) X(when) \
    X(where_clause) X(while) X(while_expression) X(while_modifier) X(while_statement) \
    X(wildcard_import) X(with_item) X(with_statement) X(word)
// clang-format on

enum node_type {
    NODE_OTHER,
#define X(name) NODE_##name,
    NODE_TYPES(X)
#undef X
        NODE_TYPE_COUNT
};

// NODE_OTHER for anonymous nodes, ERROR and what is not in the list.
static inline enum node_type node_type(const struct syntax *s, uint32_t i) {
    uint16_t symbol = s->nodes[i].symbol;
    return symbol == UINT16_MAX ? NODE_OTHER : (enum node_type)s->grammar->type[symbol];
}
